"""A clip's face in each of its kept frames: its box and five points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

N_LANDMARKS = 5


@dataclass(frozen=True)
class Faces:
    """One clip's face in T frames: boxes x0, y0, x1, y1 and five points (x, y), as fractions of the frame's sides.

    `share` is the part of the frames looked at in which it was found (of all kept ones by `truth`); at 0 every
    box is the whole frame.
    """

    boxes: np.ndarray  # float [T, 4]
    landmarks: np.ndarray  # float [T, 5, 2]; NaN where no face was found
    share: float
    others: int = 0  # further faces that stay in the clip, and are not this one

    @cached_property
    def box(self) -> np.ndarray:
        """float [4]: the median."""
        return np.median(self.boxes, axis=0)


class FaceFinder(Protocol):
    """Whatever can say where the face of a clip is."""

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        """The face in `frames` (uint8 [T, H, W, 3] RGB), the `kept` (int [T]) of the clip's frames."""
        ...


def whole_frame(count: int) -> Faces:
    """What stands for a face that nobody found."""
    return Faces(np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)), np.full((count, N_LANDMARKS, 2), np.nan), 0.0)


def followed(boxes: np.ndarray, landmarks: np.ndarray, seen_at: np.ndarray, kept: np.ndarray, others: int = 0) -> Faces:
    """The face in all `kept` frames (int [T]), from what was seen in the frames `seen_at` (int [n], among them).

    boxes float [n, 4], landmarks [n, 5, 2], NaN where it was not seen. Between two frames in which it was, it moves
    evenly; before the first and after the last it stays where it is.
    """
    found = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
    if not found.any():
        return whole_frame(len(kept))
    values = np.concatenate([boxes, landmarks.reshape(len(landmarks), -1)], axis=1)[found]
    moved = np.stack([np.interp(kept, seen_at[found], column) for column in values.T], axis=1)
    return Faces(moved[:, :4], moved[:, 4:].reshape(-1, N_LANDMARKS, 2), float(found.mean()), others)
