"""A clip's face: its box and five points, and the square that is kept around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

N_LANDMARKS = 5


@dataclass(frozen=True)
class Faces:
    """One clip's face: box x0, y0, x1, y1 and five points (x, y), as fractions of the frame's sides.

    `share` is the part of the frames looked at in which it was found (of all kept ones by `truth`, of at most
    track.LOOKED_AT of them by a finder that looks at pixels); at 0 the box is the whole frame.
    """

    box: np.ndarray  # float [4]
    landmarks: np.ndarray  # float [5, 2]; NaN where no face was found
    share: float
    others: int = 0  # further faces that stay in the clip, and are not this one


class FaceFinder(Protocol):
    """Whatever can say where the face of a clip is."""

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        """The face in `frames` (uint8 [T, H, W, 3] RGB), the `kept` (int [T]) of the clip's frames."""
        ...


def whole_frame() -> Faces:
    """What stands for a face that nobody found."""
    return Faces(np.array([0.0, 0.0, 1.0, 1.0]), np.full((N_LANDMARKS, 2), np.nan), 0.0)


def median_face(boxes: np.ndarray, landmarks: np.ndarray) -> Faces:
    """One face from those of T frames (float [T, 4] and [T, 5, 2]); frames without one hold NaN."""
    found = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
    if not found.any():
        return whole_frame()
    return Faces(np.median(boxes[found], axis=0), np.median(landmarks[found], axis=0), float(found.mean()))


def square(frames: np.ndarray, face: Faces) -> tuple[np.ndarray, Faces]:
    """Frames cut to squares of their shorter side, at one place for the whole clip, centred on the face.

    Cutting beats padding: bars would mark the one source whose videos are wide. Square frames stay whole.
    """
    height, width = frames.shape[1:3]
    side = min(height, width)
    left, top = (_offset(face.box[axis::2], length, side) for axis, length in enumerate((width, height)))
    cut = frames[:, top : top + side, left : left + side]
    scale, shift = np.array([width, height]) / side, np.array([left, top]) / side
    box = np.clip(face.box.reshape(2, 2) * scale - shift, 0, 1).ravel()
    return cut, Faces(box, face.landmarks * scale - shift, face.share, face.others)


def _offset(edges: np.ndarray, length: int, side: int) -> int:
    """Where a window of `side` starts on a side of `length`: centred on the face, within the frame."""
    return int(np.clip(round(edges.mean() * length - side / 2), 0, length - side))
