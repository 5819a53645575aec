"""A network that turns a face into a direction; faces of one person point the same way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thb.core.errors import DataError
from thb.splits.look_alikes.align import SIDE, aligned


@dataclass(frozen=True)
class Embedder:
    """The network in `file`, run by OpenCV on faces of SIDE pixels, RGB, as (pixel - mean) / scale."""

    file: Path
    mean: float
    scale: float

    def clip(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
        """float32 [d] of length 1: the mean direction of a face in frames [n, S, S, 3]; NaN where it says nothing.

        Its five points [n, 5, 2] are fractions of the frames' side.
        """
        looks = [_unit(self.face(aligned(frame, at))) for frame, at in zip(frames, points, strict=True)]
        return _unit(np.mean(looks, axis=0))

    def face(self, picture: np.ndarray) -> np.ndarray:
        """float32 [d] of one aligned face."""
        fed = cv2.dnn.blobFromImage(picture, 1 / self.scale, (SIDE, SIDE), (self.mean,) * 3)
        try:
            network = _network(self.file)
            network.setInput(fed)
            return network.forward().ravel()
        except cv2.error as e:
            raise DataError(f"{self.file.name} is no network that OpenCV can run on one face of {SIDE} px") from e


@cache
def _network(file: Path) -> Any:
    """Loaded in the process that uses it, and kept to its core: the pool has a process a core already."""
    cv2.setNumThreads(1)
    return cv2.dnn.readNetFromONNX(str(file))


def _unit(direction: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(direction)
    return direction / length if length > 0 else np.full_like(direction, np.nan)
