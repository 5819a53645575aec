"""A window of the face's sheet that is painted anew for each frame."""

import numpy as np

from thb.rendered.heads.fields import F32
from thb.rendered.heads.skin import BUMP_X, GLOSS, GLOW, RED_GREEN_BLUE


class Patch:
    """A window of the sheet, once per frame: `sheet` [T, h, w, 8], painted over layer by layer."""

    def __init__(self, still, frames):
        self.sheet = np.broadcast_to(still, (frames, *still.shape)).copy()

    def paint(self, cover, colour, gloss=None, glow=None, flat=1.0):
        """Lay a colour over the window where `cover` [T, h, w]; `flat` also wipes out the relief below."""
        share = cover[..., None]
        rgb = self.sheet[..., RED_GREEN_BLUE]
        rgb += (colour - rgb) * share
        if flat:
            self.sheet[..., BUMP_X:GLOSS] *= 1.0 - flat * share
        for channel, value in ((GLOSS, gloss), (GLOW, glow)):
            if value is not None:
                self.sheet[..., channel] += (value - self.sheet[..., channel]) * cover

    def shade(self, depth):
        """Darken by `depth` [T, h, w], 0..1, keeping skin warm."""
        self.sheet[..., RED_GREEN_BLUE] *= 1.0 - depth[..., None] * np.array((0.86, 1.0, 1.02), F32)


def column(values):
    """Per-frame numbers [T] ready to meet a window [h, w]."""
    return np.asarray(values, F32)[:, None, None]
