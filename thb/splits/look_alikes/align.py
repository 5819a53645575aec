"""A face aligned as face-recognition networks were trained to see it."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 112  # pixels
# Where ArcFace and those that followed it want both eyes, nose and mouth corners, left as the viewer sees it: x, y.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def placement(points: np.ndarray) -> np.ndarray:
    """float [2, 3]: the turn, scale and shift that bring points [5, 2] nearest to TEMPLATE; nothing is mirrored.

    With a = scale * cos and b = scale * sin, x' = a x - b y + s and y' = b x + a y + t: linear, so least squares do.
    """
    (x, y), ones, zeros = points.T, np.ones(len(points)), np.zeros(len(points))
    rows = np.concatenate([np.stack([x, -y, ones, zeros], axis=1), np.stack([y, x, zeros, ones], axis=1)])
    a, b, s, t = np.linalg.lstsq(rows, TEMPLATE.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, s], [b, a, t]])


def aligned(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3] of a frame [S, S, 3] whose points [5, 2] are fractions of its side.

    A frame in which the face is larger is made smaller first, by areas' means, so that nothing is skipped.
    """
    scale = np.linalg.norm(placement(points * frame.shape[0])[:, 0])
    if scale < 1:
        side = max(1, round(frame.shape[0] * scale))
        frame = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(frame, placement(points * frame.shape[0]), (SIDE, SIDE), flags=cv2.INTER_LINEAR)
