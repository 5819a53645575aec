"""Glasses, fixed to the face: frames, clear or dark lenses, and the light they catch."""

import numpy as np

from thb.rendered.heads.fields import F32, ramp, stroke
from thb.rendered.heads.skin import BUMP_X, CHANNELS, EYE_Y, GLOSS, RED_GREEN_BLUE

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
        self.rim = np.maximum.reduce([rim, bridge * (outside > 0), arms])[..., None]
        dark = p.glasses == "dark"
        self.opacity = DARK_LENS_OPACITY if dark else CLEAR_LENS_OPACITY
        if dark and look.lens_opacity is not None:
            self.opacity = look.lens_opacity
        self.lens = np.clip(-outside * texels + 0.5, 0, 1)[..., None]
        self.frame = np.array(p.frame_colour, F32)
        self.tint = self._tint(x, y, dark)
        slant = (side - p.eye_x) + 0.8 * (y - EYE_Y)
        strength = 0.16 if dark else 0.13
        self.glint = (strength * (stroke(slant + 0.09, 0.030) + 0.6 * stroke(slant + 0.005, 0.014)))[
            ..., None
        ] * self.lens
        self.cast = 0.15 * stroke(outside - 0.035, 0.03)[..., None] * ramp(-0.1, 0.1, y - EYE_Y)[..., None]

    @staticmethod
    def _tint(x, y, dark):
        if not dark:
            return np.array((0.80, 0.85, 0.88), F32)
        fade = ramp(-0.16, 0.22, y - EYE_Y)[..., None]
        return np.array((0.055, 0.055, 0.065), F32) + fade * np.array((0.12, 0.10, 0.09), F32)

    def paint(self, band):
        """Lay the glasses over the eye window [T, h, w, 8], in place."""
        rgb = band[..., RED_GREEN_BLUE]
        rgb *= 1.0 - self.cast
        rgb += (self.tint - rgb) * (self.lens * F32(self.opacity))
        rgb += self.glint
        rgb += (self.frame - rgb) * self.rim
        hard = 1.0 - np.maximum(self.rim, self.lens * F32(self.opacity))
        band[..., BUMP_X:CHANNELS] *= hard
        band[..., GLOSS] += 0.5 * self.rim[..., 0]


def _rounded_box(x, y, half_w, half_h, corner):
    """Signed distance to a box with round corners, negative inside."""
    across, down = np.abs(x) - half_w + corner, np.abs(y) - half_h + corner
    return np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0) - corner
