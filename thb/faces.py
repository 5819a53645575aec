"""Where the face is: one interface, a choice of finders, and the square that is kept around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from thb.errors import DataError, ParamsError, unknown
from thb.paths import Paths

N_LANDMARKS = 5


@dataclass(frozen=True)
class Faces:
    """One clip's face: box x0, y0, x1, y1 and five points (x, y), as fractions of the frame's sides.

    `share` is the part of the kept frames in which it was found; at 0 the box is the whole frame.
    """

    box: np.ndarray         # float [4]
    landmarks: np.ndarray   # float [5, 2]; NaN where no face was found
    share: float


class FaceFinder(Protocol):
    """Whatever can say where the face of a clip is."""

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        """The face in `frames` (uint8 [T, H, W, 3] RGB), the `kept` (int [T]) of the clip's frames."""
        ...


@cache
def finder(name: str, paths: Paths) -> FaceFinder:
    """The finder of this name, made once a process."""
    if name not in FINDERS:
        raise ParamsError(unknown("face finder", name, FINDERS))
    return FINDERS[name](paths)


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
    cut = frames[:, top:top + side, left:left + side]
    scale, shift = np.array([width, height]) / side, np.array([left, top]) / side
    box = np.clip(face.box.reshape(2, 2) * scale - shift, 0, 1).ravel()
    return cut, Faces(box, face.landmarks * scale - shift, face.share)


def _offset(edges: np.ndarray, length: int, side: int) -> int:
    """Where a window of `side` starts on a side of `length`: centred on the face, within the frame."""
    return int(np.clip(round(edges.mean() * length - side / 2), 0, length - side))


@dataclass(frozen=True)
class TruthFinder:
    """The embedded corpus knows where its faces are; no other corpus has such files."""

    paths: Paths

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        from thb.mini import truth

        name = f"{clip['clip']}.npz"
        if not (self.paths.truth / name).is_file():
            raise DataError(f"finder `truth` does not know this clip: truth/{name} is missing")
        known = truth.read(self.paths.truth / name)
        if len(known.box) <= kept.max():
            raise DataError(f"truth/{name} knows {len(known.box)} frames, and the clip has more")
        return median_face(known.box[kept], known.landmarks[kept])


# ---- a finder that needs no download ----------------------------------------------------------------

LOOKED_AT = 8         # of a clip's kept frames, evenly spread
SIDE = 256            # pixels of the shorter side while looking: the cascades miss faces under 24 px
SMALLEST = 0.2        # of the shorter side
NEIGHBOURS = 4        # raw detections that make a face
SAME = 0.3            # overlap (IoU) from which boxes of two frames are one face
FEWEST = 0.25         # of the frames looked at: a face seen in fewer is none


@dataclass(frozen=True)
class Convention:
    """What a cascade's square box means, in shares of its side: our box, brow to chin, and the five points.

    Medians over 360 frames of 180 heads, rendered at 128 px from seeds whose corpus is not reported
    (mini.strengths.CALIBRATION_SEEDS). The points are where they usually are, not where they were seen.
    """

    box: tuple[float, ...]
    points: tuple[tuple[float, float], ...]


_FRONTAL = Convention((0.10, 0.19, 0.90, 1.05),
                      ((0.32, 0.43), (0.68, 0.43), (0.50, 0.64), (0.34, 0.82), (0.66, 0.82)))
_PROFILE = Convention((0.00, 0.22, 0.78, 1.07),
                      ((0.19, 0.45), (0.52, 0.45), (0.34, 0.64), (0.21, 0.83), (0.50, 0.83)))

# Tried in this order until one finds a face: cascade file, whether the picture is mirrored first, its boxes.
_CASCADES = (("frontalface_alt2", False, _FRONTAL), ("frontalface_default", False, _FRONTAL),
             ("profileface", False, _PROFILE), ("profileface", True, _PROFILE))


@dataclass(frozen=True)
class HaarFinder:
    """OpenCV's Haar cascades, which come with it: good for upright heads that face the camera.

    Weaker than YuNet: it misses turned, tilted and small heads, sees a face in a pattern now and then, and
    its five points are estimated from the box alone. Of a clip it keeps the largest consistent face.
    """

    paths: Paths

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(LOOKED_AT, len(frames))).round().astype(int))
        pictures = [_grey(frames[i]) for i in chosen]
        for name, mirrored, convention in _CASCADES:
            seen = [_detected(name, picture[:, ::-1] if mirrored else picture) for picture in pictures]
            boxes = _one_face(seen)
            if np.isfinite(boxes[:, 0]).mean() >= FEWEST:
                return _as_faces(boxes, convention, mirrored)
        return whole_frame()


def _grey(frame: np.ndarray) -> np.ndarray:
    """uint8 [h, w], the shorter side SIDE pixels."""
    import cv2

    scale = SIDE / min(frame.shape[:2])
    size = tuple(round(length * scale) for length in frame.shape[1::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.cvtColor(cv2.resize(frame, size, interpolation=way), cv2.COLOR_RGB2GRAY)


@cache
def _cascade(name: str) -> Any:
    import cv2

    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / f"haarcascade_{name}.xml"))


def _detected(name: str, picture: np.ndarray) -> np.ndarray:
    """float [n, 4] boxes as fractions of the picture's sides."""
    height, width = picture.shape
    smallest = (round(SMALLEST * min(height, width)),) * 2
    found = _cascade(name).detectMultiScale(np.ascontiguousarray(picture), 1.05, NEIGHBOURS, minSize=smallest)
    x, y, w, h = np.array(sorted(map(tuple, found)), float).reshape(-1, 4).T
    return np.stack([x / width, y / height, (x + w) / width, (y + h) / height], axis=1)


def _one_face(seen: list[np.ndarray]) -> np.ndarray:
    """Of each frame's boxes [n, 4] the one that is the clip's face -> [frames, 4], NaN where it is not seen.

    The face is the box with the largest product of its width and the number of frames that agree with it.
    """
    tracks = [_followed(box, seen) for boxes in seen for box in boxes]
    weight = [np.isfinite(track[:, 0]).sum() * np.nanmedian(track[:, 2] - track[:, 0]) for track in tracks]
    return tracks[int(np.argmax(weight))] if tracks else np.full((len(seen), 4), np.nan)


def _followed(box: np.ndarray, seen: list[np.ndarray]) -> np.ndarray:
    """The box of each frame that overlaps most with `box`, if it overlaps enough -> [frames, 4]."""
    track = np.full((len(seen), 4), np.nan)
    for frame, boxes in enumerate(seen):
        shared = overlap(box, boxes)
        if len(boxes) and shared.max() >= SAME:
            track[frame] = boxes[shared.argmax()]
    return track


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box [4] with each of [n, 4]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared)


def _as_faces(boxes: np.ndarray, convention: Convention, mirrored: bool) -> Faces:
    """Cascade boxes [frames, 4] in our convention; within the frame."""
    corner, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    ours = np.clip(corner + sides * np.reshape(convention.box, (2, 2)), 0, 1)
    points = corner + sides * np.array(convention.points)
    if mirrored:
        ours, points = np.sort(_mirrored(ours), axis=1), _mirrored(points)[:, [1, 0, 2, 4, 3]]
    return median_face(ours.reshape(-1, 4), points)


def _mirrored(points: np.ndarray) -> np.ndarray:
    """[…, 2] with x counted from the other side."""
    return points * (-1, 1) + (1, 0)


FINDERS: dict[str, Callable[[Paths], FaceFinder]] = {"truth": TruthFinder, "haar": HaarFinder}
