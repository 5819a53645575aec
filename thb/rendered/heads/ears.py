"""Ears: a small painted sprite on each side of the head."""

import numpy as np

from thb.rendered.heads.fields import F32, ramp, sample, stroke
from thb.rendered.heads.shells import to_frame, to_local
from thb.rendered.heads.skin import EAR_Y

HALF_WIDTH, HALF_HEIGHT = 0.15, 0.225
SET_BACK = 1.66  # radians from the front
SPRITE_TEXELS = 48


class Ears:
    """Both ears of one portrait."""

    def __init__(self, portrait, shell, light, pixels_per_unit):
        self.shell, self.light = shell, light
        self.radius = float(shell.width_at(EAR_Y)) + 0.012
        self.sprite = _paint(portrait)

    def lay(self, layers, place, fx, fy, behind, code):
        """Draw the ears that lie behind, or in front of, the head's outline."""
        for side in (-1.0, 1.0):
            angle = side * SET_BACK + place.yaw
            front = float(np.cos(angle))
            weight = 1.0 if behind else float(ramp(0.0, 0.22, np.float32(front)))
            if weight > 0.0:
                self._lay_one(layers, place, fx, fy, side, angle, weight, code)

    def _lay_one(self, layers, place, fx, fy, side, angle, weight, code):
        size = fx.shape[0]
        centre_x, centre_y = self.radius * np.sin(angle), EAR_Y - 0.1 * np.sin(place.pitch)
        rows, cols = _window(place, centre_x, centre_y, size)
        x, y = to_local(place, fx[rows, cols], fy[rows, cols])
        wide = HALF_WIDTH * (1.0 + 0.8 * max(float(np.cos(angle)), 0.0))
        u, v = side * (x - centre_x) / wide, (y - centre_y) / HALF_HEIGHT
        inside = np.flatnonzero((np.abs(u) < 1) & (np.abs(v) < 1))
        if not len(inside):
            return
        half = 0.5 * (SPRITE_TEXELS - 1)
        texel = sample(self.sprite, (u.ravel()[inside] + 1) * half, (v.ravel()[inside] + 1) * half)
        normal = tuple(np.full(1, part, F32) for part in (0.62 * side, 0.0, 0.78))
        colour = texel[:, :3] * self.light.diffuse(normal, self.light.skin)
        row, col = np.unravel_index(inside, x.shape)
        layers.lay((row + rows.start) * size + col + cols.start, texel[:, 3] * F32(weight), colour, code)


def _window(place, x, y, size):
    """Pixel slices that hold an ear at local (x, y)."""
    fx, fy = to_frame(place, x, y)
    reach = (HALF_HEIGHT + 0.12) * place.unit
    return tuple(
        slice(max(int((f - reach) * size), 0), max(min(int((f + reach) * size) + 2, size), 0)) for f in (fy, fx)
    )


def _paint(p):
    """Sprite [H, W, 4]; u grows away from the head."""
    axis = np.linspace(-1.0, 1.0, SPRITE_TEXELS, dtype=F32)
    u, v = axis[None, :], axis[:, None]
    half = 0.62 - 0.26 * ramp(0.0, 1.0, v)  # narrower at the lobe
    outline = np.sqrt(((u - 0.10 + 0.16 * v) / half) ** 2 + (v / 0.95) ** 2)
    cover = ramp(1.0, 0.90, outline) * ramp(-0.75, -0.2, u + 0.1 * v)
    rim = stroke(outline - 0.84, 0.10)
    valley = stroke(outline - 0.62, 0.13) * ramp(0.65, 0.2, v)
    canal = np.exp(-(((u + 0.18) / 0.26) ** 2) - ((v - 0.10) / 0.30) ** 2)
    tone = 0.93 + 0.08 * rim - 0.26 * valley - 0.42 * canal
    skin = np.array(p.skin, F32) * 0.72 + np.array(p.blush, F32) * 0.28
    sprite = np.empty((SPRITE_TEXELS, SPRITE_TEXELS, 4), F32)
    sprite[..., :3] = skin * tone[..., None] * np.array((1.0, 0.98, 0.97), F32)
    sprite[..., 3] = cover
    return sprite
