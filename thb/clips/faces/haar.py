"""OpenCV's Haar cascades: a face finder that needs no download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from thb.clips.faces.face import N_LANDMARKS, Faces
from thb.clips.faces.track import SIGHT, as_face, looked_at, stays, tracked

SIDE = 256  # pixels of the shorter side while looking: the cascades miss faces under 24 px
SMALLEST = 0.2  # of the shorter side
STEP = 1.05  # from one size that is tried to the next
NEIGHBOURS = 4  # raw detections that make a face

# All sizes are tried in few frames only, and there a third of them; a face gives raw detections at many.
GLANCES = 2  # frames of those looked at: the first and the last
GLANCE_STEP, GLANCE_NEIGHBOURS = STEP**3, 1
NEAR = 1.3  # times what a glance saw: the sizes that are tried in every frame

ENOUGH = 64  # pixels of a face: a picture whose faces are larger is shrunk to that first
GLANCE = 0.5  # of the picture's side, for a glance

Sizes = tuple[int, int]  # pixels: of the smallest and the largest face
Search = tuple[float, Sizes]  # what the picture is shrunk by first, and the sizes tried in it


@dataclass(frozen=True)
class Convention:
    """What a cascade's square box means, in shares of its side: our box, brow to chin, and the five points.

    Medians over 360 frames of 180 heads, rendered at 128 px from seeds whose corpus is not reported
    (rendered.fakes.strengths.CALIBRATION_SEEDS). The points are where they usually are, not where they were seen.
    """

    box: tuple[float, ...]
    points: tuple[tuple[float, float], ...]


FRONTAL = Convention((0.10, 0.19, 0.90, 1.05), ((0.32, 0.43), (0.68, 0.43), (0.50, 0.64), (0.34, 0.82), (0.66, 0.82)))
PROFILE = Convention((0.00, 0.22, 0.78, 1.07), ((0.19, 0.45), (0.52, 0.45), (0.34, 0.64), (0.21, 0.83), (0.50, 0.83)))

# Tried in this order until one finds a face: cascade file, whether the picture is mirrored first, its boxes.
CASCADES = (
    ("frontalface_alt2", False, FRONTAL),
    ("frontalface_default", False, FRONTAL),
    ("profileface", False, PROFILE),
    ("profileface", True, PROFILE),
)


@dataclass(frozen=True)
class HaarFinder:
    """Good for upright heads that face the camera.

    Weaker than YuNet: it misses turned, tilted and small heads, sees a face in a pattern now and then, and
    its five points are estimated from the box alone.
    """

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        places = looked_at(len(frames))
        track, others = self.seen(frames[places])
        return as_face(track, kept[places], kept, others)

    def seen(self, frames: np.ndarray) -> tuple[np.ndarray, int]:
        """The face in each frame, float [n, SIGHT], NaN where not seen, and how many other faces stay.

        No row where no cascade finds a face that stays.
        """
        pictures = [_grey(frame) for frame in frames]
        for cascade in CASCADES:
            track, others = tracked(partial(_look, *cascade, _likely(*cascade[:2], pictures)), pictures)
            if stays(track):
                return track, others
        return np.zeros((0, SIGHT)), 0


@cache
def _opencv() -> Any:
    """OpenCV, kept to one core: the pool has a process a core already."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


@cache
def _cascade(name: str) -> Any:
    cv2 = _opencv()
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / f"haarcascade_{name}.xml"))


def _grey(frame: np.ndarray) -> np.ndarray:
    """uint8 [h, w], the shorter side SIDE pixels."""
    cv2 = _opencv()
    scale = SIDE / min(frame.shape[:2])
    size = tuple(round(length * scale) for length in frame.shape[1::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.cvtColor(cv2.resize(frame, size, interpolation=way), cv2.COLOR_RGB2GRAY)


def _likely(name: str, mirrored: bool, pictures: list[np.ndarray]) -> list[Search]:
    """The searches to try, in this order until a face is seen: sizes near what a few glances show, then all.

    A glance is at a picture of half the size; faces of less than half the largest one that it shows are passed over.
    """
    shorter = min(pictures[0].shape)
    smallest = SMALLEST * shorter
    places = np.linspace(0, len(pictures) - 1, min(GLANCES, len(pictures))).round().astype(int)
    sizes = round(smallest * GLANCE), round(shorter * GLANCE)
    seen = [
        _detected(name, _turned(_shrunk(pictures[place], GLANCE), mirrored), sizes, GLANCE_STEP, GLANCE_NEIGHBOURS)
        for place in places
    ]
    sides = np.concatenate([boxes[:, 2] - boxes[:, 0] for boxes in seen]) / GLANCE
    everything = (1.0, (round(smallest), shorter))
    if not len(sides):
        return [everything]
    sides = sides[sides >= sides.max() / 2]
    by = min(1.0, ENOUGH / sides.min())
    near = max(smallest, sides.min() / NEAR), sides.max() * NEAR
    return [(by, (round(near[0] * by), round(near[1] * by))), everything]


def _look(name: str, mirrored: bool, convention: Convention, likely: list[Search], picture: np.ndarray) -> np.ndarray:
    """One cascade's faces in a grey picture, float [n, SIGHT]: those of the first search that sees any."""
    looks = (_searched(name, _turned(picture, mirrored), *search) for search in likely)
    boxes = next((seen for seen in looks if len(seen)), np.zeros((0, 4)))
    return in_ours(boxes, convention, mirrored)


def _searched(name: str, picture: np.ndarray, by: float, sizes: Sizes) -> np.ndarray:
    """float [n, 4] boxes, fractions of the picture's sides."""
    small = _shrunk(picture, by)
    return _detected(name, small, sizes, STEP, NEIGHBOURS) / np.tile(small.shape[::-1], 2)


def _shrunk(picture: np.ndarray, by: float) -> np.ndarray:
    cv2 = _opencv()
    return picture if by == 1 else cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)


def _turned(picture: np.ndarray, mirrored: bool) -> np.ndarray:
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


def _detected(name: str, picture: np.ndarray, sizes: Sizes, step: float, neighbours: int) -> np.ndarray:
    """float [n, 4] boxes x0, y0, x1, y1 in pixels."""
    smallest, largest = ((side, side) for side in sizes)
    found = _cascade(name).detectMultiScale(picture, step, neighbours, minSize=smallest, maxSize=largest)
    x, y, w, h = np.array(sorted(map(tuple, found)), float).reshape(-1, 4).T
    return np.stack([x, y, x + w, y + h], axis=1)


def in_ours(boxes: np.ndarray, convention: Convention, mirrored: bool) -> np.ndarray:
    """A cascade's boxes [n, 4] in our convention, with the points that go with them: [n, SIGHT]."""
    corner, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    ours = np.clip(corner + sides * np.reshape(convention.box, (2, 2)), 0, 1)
    points = corner + sides * np.array(convention.points)
    if mirrored:
        ours, points = np.sort(_mirrored(ours), axis=1), _mirrored(points)[:, [1, 0, 2, 4, 3]]
    return np.concatenate([ours.reshape(-1, 4), points.reshape(-1, 2 * N_LANDMARKS)], axis=1)


def _mirrored(points: np.ndarray) -> np.ndarray:
    """[…, 2] with x counted from the other side."""
    return points * (-1, 1) + (1, 0)
