"""Two squares of a frame: the whole frame's, at one place for a clip, and the one about the face, which follows it."""

from __future__ import annotations

import cv2
import numpy as np

from thb.clips.faces.face import Faces
from thb.core.params_schema import FaceStore

Size = tuple[int, int]  # width, height


def whole_square(face: Faces, size: Size) -> np.ndarray:
    """int [4] x0, y0, x1, y1 in pixels: the frame's shorter side, at one place for the whole clip, centred on the face.

    Cutting beats padding: bars would mark the one source whose videos are wide. Square frames stay whole.
    """
    side = min(size)
    corner = [_offset(middle * length, length, side) for middle, length in zip(_middles(face.box), size, strict=True)]
    return np.array([*corner, corner[0] + side, corner[1] + side])


def scaled(face: Faces, size: Size, asked: FaceStore) -> Size:
    """The size of frames in which the face's square has `asked.size` pixels: that of the source, or smaller.

    The square is `margin` times the clip's median box and no less than the largest, so that a clip has one scale, and
    no more than the frame's shorter side. If that is less than `asked.size` pixels of the source, these are taken:
    nothing is enlarged.
    """
    sides = ((face.boxes[:, 2:] - face.boxes[:, :2]) * size).max(axis=1)
    side = min(max(asked.margin * np.median(sides), sides.max()), min(size))
    return size if side <= asked.size else (round(size[0] * asked.size / side), round(size[1] * asked.size / side))


def face_squares(face: Faces, size: Size, side: int) -> np.ndarray:
    """int [T, 4] x0, y0, x1, y1 in pixels of frames of `size`: `side` about each one's box, inside where they fit."""
    corners = [
        [_offset(middle * length, length, side) for middle, length in zip(_middles(box), size, strict=True)]
        for box in face.boxes
    ]
    return np.concatenate([corners, np.add(corners, side)], axis=1)


def _middles(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _offset(middle: float, length: int, side: int) -> int:
    """Where a window of `side` starts on a side of `length`: about its middle, within the frame or around it."""
    return int(np.clip(round(middle - side / 2), min(0, length - side), max(0, length - side)))


def cut(picture: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The pixels [h', w', 3] of a square x0, y0, x1, y1 of a picture [h, w, 3]; outside of it its edge is repeated."""
    x0, y0, x1, y1 = (int(value) for value in square)
    height, width = picture.shape[:2]
    beyond = max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width)
    inside = picture[max(0, y0) : y1, max(0, x0) : x1]
    return cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_REPLICATE) if any(beyond) else inside
