"""Glasses, fixed to the face: frames, clear or dark lenses, and the light they catch."""

import numpy as np

from thb.rendered.heads.fields import F32, ramp, stroke
from thb.rendered.heads.skin import BUMP_X, EYE_Y, GLOSS, RED_GREEN_BLUE

DARK_LENS_OPACITY, CLEAR_LENS_OPACITY = 0.94, 0.045


class Glasses:
    """Frames and lenses, fixed to the face: a colour and cover per texel."""

    def __init__(self, portrait, x, y, grid, look):
        p = portrait
        side, texels = np.abs(x), grid.per_height
        half_w, half_h, corner = 0.232, 0.165 + 0.02 * p.frame_round, 0.06 + 0.10 * p.frame_round
        outside = _rounded_box(side - (p.eye_x + 0.012), y - EYE_Y - 0.015, half_w, half_h, corner)
        thick = 0.021
        rim = np.clip((thick - np.abs(outside)) * texels + 0.5, 0, 1)
        bridge = np.clip((0.017 - np.abs(y - EYE_Y + 0.035 - 1.2 * x * x)) * texels + 0.5, 0, 1) * (side < 0.10)
        arms = np.clip((0.020 - np.abs(y - EYE_Y + 0.05)) * texels + 0.5, 0, 1) * (side > p.eye_x + half_w)
        rim = np.maximum.reduce([rim, bridge * (outside > 0), arms])
        dark = p.glasses == "dark"
        opacity = DARK_LENS_OPACITY if dark else CLEAR_LENS_OPACITY
        if dark and look.lens_opacity is not None:
            opacity = look.lens_opacity
        lens = np.clip(-outside * texels + 0.5, 0, 1)
        tinted, frame = lens * F32(opacity), np.array(p.frame_colour, F32)[:, None, None]
        slant = (side - p.eye_x) + 0.8 * (y - EYE_Y)
        strength = 0.16 if dark else 0.13
        glint = strength * (stroke(slant + 0.09, 0.030) + 0.6 * stroke(slant + 0.005, 0.014)) * lens
        cast = 0.15 * stroke(outside - 0.035, 0.03) * ramp(-0.1, 0.1, y - EYE_Y)
        # Cast shadow, tint, glint and frame over one another come to one factor and one sum.
        self.keep = ((1.0 - cast) * (1.0 - tinted) * (1.0 - rim)).astype(F32)
        self.add = ((self._tint(y, dark) * tinted + glint) * (1.0 - rim) + frame * rim).astype(F32)[:, None]
        self.flat = (1.0 - np.maximum(rim, tinted)).astype(F32)
        self.gloss = (0.5 * rim).astype(F32)

    @staticmethod
    def _tint(y, dark):
        """Colour of the lens, [3, h, w] or [3, 1, 1]."""
        if not dark:
            return np.array((0.80, 0.85, 0.88), F32)[:, None, None]
        fade = ramp(-0.16, 0.22, y - EYE_Y)
        low, high = (np.array(c, F32)[:, None, None] for c in ((0.055, 0.055, 0.065), (0.12, 0.10, 0.09)))
        return low + fade * high

    def paint(self, band):
        """Lay the glasses over the eye window [8, T, h, w], in place."""
        rgb = band[RED_GREEN_BLUE]
        rgb *= self.keep
        rgb += self.add
        band[BUMP_X:] *= self.flat
        band[GLOSS] += self.gloss


def _rounded_box(x, y, half_w, half_h, corner):
    """Signed distance to a box with round corners, negative inside."""
    across, down = np.abs(x) - half_w + corner, np.abs(y) - half_h + corner
    return np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0) - corner
