"""Two squares of a frame: the whole frame's, at one place for a clip, and the one about the face, which follows it."""

from __future__ import annotations

import cv2
import numpy as np

from thb.clips.faces.face import Faces
from thb.core.params_schema import FaceStore

Size = tuple[int, int]  # width, height


def whole_square(face: Faces, size: Size) -> np.ndarray:
    """int [3] x, y, side in pixels: the frame's shorter side, at one place for the whole clip, centred on the face.

    Cutting beats padding: bars would mark the one source whose videos are wide. Square frames stay whole.
    """
    side = min(size)
    corner = [_offset(face.box[axis::2].mean() * length, length, side) for axis, length in enumerate(size)]
    return np.array([*corner, side])


def face_squares(face: Faces, size: Size, asked: FaceStore) -> np.ndarray:
    """int [T, 3] x, y, side in pixels of squares centred on each frame's box, inside the frame where they fit.

    A side is `margin` times the clip's median box, so that a clip has one scale, and no less than a frame's own box;
    where that is less than `size` pixels, `size` pixels are taken, so that nothing is ever enlarged; a square larger
    than that ends at the frame's shorter side.
    """
    boxes = face.boxes * np.tile(size, 2)
    longest = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    sides = np.maximum(asked.margin * np.median(longest), longest)
    sides = np.minimum(np.maximum(sides, asked.size), max(asked.size, min(size))).round().astype(int)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    corners = [
        [_offset(centre, length, side) for centre, length in zip(centre_of, size, strict=True)]
        for centre_of, side in zip(centres, sides, strict=True)
    ]
    return np.concatenate([np.array(corners), sides[:, None]], axis=1)


def _offset(centre: float, length: int, side: int) -> int:
    """Where a window of `side` starts on a side of `length`: about the centre, within the frame, or holding all of it."""
    return int(np.clip(round(centre - side / 2), min(0, length - side), max(0, length - side)))


def cut(picture: np.ndarray, square: np.ndarray, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of a square x, y, side of a picture [h, w, 3]: copied, or made smaller by areas' means.

    What lies outside the picture repeats its edge.
    """
    x, y, side = (int(value) for value in square)
    height, width = picture.shape[:2]
    inside = picture[max(0, y) : y + side, max(0, x) : x + side]
    left, top = max(0, -x), max(0, -y)
    right, bottom = max(0, x + side - width), max(0, y + side - height)
    if left or top or right or bottom:
        inside = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return inside if side == size else cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA)
