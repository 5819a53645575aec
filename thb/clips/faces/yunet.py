"""YuNet: a small network that finds faces at any angle and size, with five points of its own.

Its weights lie on the Hub; see thb/core/model_files.py for how they are had and checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from thb.clips.faces.face import Faces
from thb.clips.faces.track import SIGHT, as_face, tracked
from thb.core.errors import DataError

SURE = 0.7  # the network's own confidence, from which a face counts
SAME_IN_FRAME = 0.3  # overlap from which two detections in one frame are one face
MOST = 50  # faces of a frame


@dataclass(frozen=True)
class YuNetFinder:
    """The network in `file`, run by OpenCV; its boxes are taken as they come, brow or hairline to chin."""

    file: Path

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        track, others = self.seen(frames)
        return as_face(track, kept, kept, others)

    def seen(self, frames: np.ndarray) -> tuple[np.ndarray, int]:
        """The face in each frame, float [n, SIGHT], NaN where not seen; and how many others stay."""
        return tracked(partial(_look, self.file), frames)


@cache
def _network(file: Path) -> Any:
    """Loaded in the process that uses it, and kept to its core: the pool has a process a core already."""
    import cv2

    cv2.setNumThreads(1)
    try:
        return cv2.FaceDetectorYN.create(str(file), "", (32, 32), SURE, SAME_IN_FRAME, MOST)
    except cv2.error as e:
        raise DataError(f"{file.name} is no network that OpenCV can run as YuNet") from e


def _look(file: Path, frame: np.ndarray) -> np.ndarray:
    """The faces in a frame, float [n, SIGHT]; eyes and mouth corners as the viewer sees them, left first."""
    height, width = frame.shape[:2]
    network = _network(file)
    network.setInputSize((width, height))
    found = network.detect(np.ascontiguousarray(frame[..., ::-1]))[1]  # it wants BGR
    found = np.zeros((0, SIGHT + 1)) if found is None else found.astype(float)
    corners = np.clip(found[:, :2], 0, (width, height)), np.clip(found[:, :2] + found[:, 2:4], 0, (width, height))
    return np.concatenate([*corners, found[:, 4:SIGHT]], axis=1) / np.tile([width, height], SIGHT // 2)
