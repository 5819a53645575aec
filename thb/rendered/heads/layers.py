"""Some frames being composed together, back to front, from lists of pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from thb.rendered.heads.fields import F32
from thb.rendered.heads.shells import Hit, Surface, Window

QUAD = np.complex128  # four float32, moved as one item


class Layers:
    """T frames over one plate; pixels are counted row by row and frame by frame."""

    def __init__(self, quads: np.ndarray, regions: np.ndarray):
        self.count, self.size = regions.shape[:2]
        self.quads = np.tile(quads, self.count)  # red, green, blue and how much lies on the plate
        self.regions = regions.reshape(-1)
        self.free = np.ones(regions.shape, bool)  # where nothing opaque is known to come in front

    def window(self, window: Window) -> tuple[slice, slice, slice]:
        """The same window of every frame."""
        return slice(None), *window

    def chosen(self, window: Window, wanted: np.ndarray):
        """Where something is wanted in a window [T, h, w]: places in it, pixels, and frames, [N] each."""
        at = np.flatnonzero(wanted)
        rows, cols = window
        wide, high = cols.stop - cols.start, rows.stop - rows.start
        frames = np.repeat(np.arange(self.count), np.count_nonzero(wanted, axis=(1, 2)))
        corner = rows.start * self.size + cols.start
        pixels = np.add.outer(np.arange(high) * self.size + corner, np.arange(wide)).ravel()
        return at, pixels[at - frames * (high * wide)] + frames * (self.size * self.size), frames

    def shut(self, pixels: np.ndarray, cover: np.ndarray):
        """What comes in front covers these pixels so far; where nothing else is seen need not be drawn."""
        self.free.reshape(-1)[pixels[cover == 1.0]] = False

    def lay(self, pixels: np.ndarray, cover: np.ndarray, colour, code):
        """Put colour, three of [N], over pixels [N] as far as `cover` [N]; `code` is one region, or [N]."""
        if not len(pixels):
            return
        quads = self.quads[pixels]
        under = quads.view(F32).reshape(-1, 1, 4)
        over = cv2.merge([*colour, np.ones_like(cover)])
        over -= under
        over *= cv2.merge([cover] * 4)
        under += over
        self.quads[pixels] = quads
        most = cover > 0.5
        self.regions[pixels[most]] = code if np.ndim(code) == 0 else code[most]

    def show(self, rgb: np.ndarray, alpha: np.ndarray):
        """Write what was composed into [T, S, S, 3] and [T, S, S]."""
        drawn = self.quads.view(F32).reshape(-1, self.size, 4)
        out = [rgb.reshape(-1, self.size, 3), alpha.reshape(-1, self.size)]
        cv2.mixChannels([drawn], out, [0, 0, 1, 1, 2, 2, 3, 3])


@dataclass
class Strands:
    """The hair in front: the window that its shell is met in, and what is seen of it [N]."""

    window: Window
    hit: Hit
    at: np.ndarray  # places in the window
    pixels: np.ndarray
    colour: np.ndarray  # [3, N]
    cover: np.ndarray


@dataclass
class Face:
    """Where the bare head is seen [N]."""

    window: Window
    at: np.ndarray  # places in the window
    pixels: np.ndarray
    frames: np.ndarray
    cover: np.ndarray
    surface: Surface
