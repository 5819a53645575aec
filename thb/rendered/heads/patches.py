"""A window of the face's sheet that is painted anew for each frame."""

import cv2
import numpy as np

from thb.rendered.heads.fields import F32, planes, sample
from thb.rendered.heads.skin import BUMP_X, CHANNELS, GLOSS, GLOW, RED_GREEN_BLUE

HALF = CHANNELS // 2  # OpenCV reads four channels at once, so a sheet is two textures
WARM = np.array((0.86, 1.0, 1.02), F32)


class Patch:
    """A window of the sheet, once per frame: `sheet` [8, T, h, w], painted over layer by layer."""

    def __init__(self, sheet):
        self.sheet = sheet

    @classmethod
    def of(cls, still, frames):
        """So many copies of a still window [8, h, w]."""
        return cls(np.repeat(still[:, None], frames, axis=1))

    def part(self, rows, cols):
        """A smaller window of the same patch."""
        return Patch(self.sheet[:, :, rows, cols])

    def paint(self, cover, colour, gloss=None, glow=None, flat=1.0):
        """Lay a colour [3] or [3, T, h, w] over it where `cover` [T, h, w]; `flat` also wipes out the relief below."""
        rgb = self.sheet[RED_GREEN_BLUE]
        rgb += ((colour if np.ndim(colour) > 1 else colour[:, None, None, None]) - rgb) * cover
        if flat:
            self.sheet[BUMP_X:GLOSS] *= 1.0 - flat * cover
        for channel, value in ((GLOSS, gloss), (GLOW, glow)):
            if value is not None:
                self.sheet[channel] += (value - self.sheet[channel]) * cover

    def shade(self, depth):
        """Darken by `depth` [T, h, w], 0..1, keeping skin warm."""
        for channel, share in enumerate(WARM):
            self.sheet[channel] *= 1.0 - depth * share

    def put(self, textures, window, t):
        """Its frame `t` on the two textures of the whole sheet."""
        for texture, channels in zip(textures, (self.sheet[:HALF, t], self.sheet[HALF:, t]), strict=True):
            texture[window] = cv2.merge(list(channels))


def textures_of(sheet):
    """A sheet [H, W, 8] as two textures [H, W, 4]."""
    return [np.ascontiguousarray(sheet[..., channels]) for channels in (slice(HALF), slice(HALF, None))]


def still_of(sheet, window):
    """A window of a sheet [H, W, 8] as planes [8, h, w]."""
    return planes(sheet[window])


def column(values):
    """Per-frame numbers [T] ready to meet a window [h, w]."""
    return np.asarray(values, F32)[:, None, None]


def sampled(textures, u, v):
    """A sheet's eight channels at texel coordinates u, v [N], [N] each."""
    return [channel for texture in textures for channel in sample(texture, u, v)]
