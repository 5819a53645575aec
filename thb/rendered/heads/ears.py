"""Ears: a small painted sprite on each side of the head."""

import math

import cv2
import numpy as np

from thb.rendered.heads.fields import F32, planes, ramp, stroke
from thb.rendered.heads.shells import ROLL_PIVOT_Y, window_of
from thb.rendered.heads.skin import EAR_Y

HALF_WIDTH, HALF_HEIGHT = 0.15, 0.225
SET_BACK = 1.66  # radians from the front
SPRITE_TEXELS = 48
SIDES = (-1, 1)


class Ears:
    """Both ears of one portrait."""

    def __init__(self, portrait, shell, light):
        self.radius = float(shell.width_at(EAR_Y)) + 0.012
        sprite = _paint(portrait)
        self.sprites = {side: _lit(sprite, light, side) for side in SIDES}

    def lay(self, layers, places, behind, code):
        """Draw the ears that lie behind, or in front of, the head's outline."""
        pieces = [self._one(layers, t, place, side, behind) for t, place in enumerate(places) for side in SIDES]
        if some := [piece for piece in pieces if piece is not None]:
            pixels, cover, texel = (np.concatenate(parts) for parts in zip(*some, strict=True))
            layers.lay(pixels, cover, planes(texel)[:3], code)

    def _one(self, layers, t, place, side, behind):
        """One ear in one frame: pixels, cover and texels [N, 4]; None where it is not seen."""
        angle = side * SET_BACK + place.yaw
        weight = 1.0 if behind else float(ramp(0.0, 0.22, math.cos(angle)))
        if weight == 0.0:
            return None
        wide = HALF_WIDTH * (1.0 + 0.8 * max(math.cos(angle), 0.0))
        centre_x, centre_y = self.radius * math.sin(angle), EAR_Y - 0.1 * math.sin(place.pitch)
        reach_x, reach_y = centre_x + wide, centre_y + HALF_HEIGHT
        window = window_of(place, centre_x - wide, reach_x, centre_y - HALF_HEIGHT, reach_y, layers.size)
        if window is None or not layers.free[t][window].any():
            return None
        sprite = _warp(self.sprites[side], place, window, layers.size, (centre_x, centre_y), side * wide)
        down, right = np.nonzero((sprite[..., 3] > 0.0) & layers.free[t][window])
        texel = sprite[down, right]
        pixels = ((t * layers.size) + down + window[0].start) * layers.size + right + window[1].start
        return pixels, texel[:, 3] * F32(weight), texel


def _warp(sprite, place, window, size, centre, wide):
    """The sprite as a window of the frame shows it, so wide and HALF_HEIGHT high about a local centre [h, w, 4]."""
    (rows, cols), half = window, 0.5 * (SPRITE_TEXELS - 1)
    across, down = half / wide, half / HALF_HEIGHT  # texels a unit
    cos, sin = math.cos(place.roll) / (place.unit * size), math.sin(place.roll) / (place.unit * size)
    corner = (cols.start + 0.5 - place.x * size, rows.start + 0.5 - place.y * size - ROLL_PIVOT_Y * place.unit * size)
    x, y = cos * corner[0] + sin * corner[1], cos * corner[1] - sin * corner[0] + ROLL_PIVOT_Y
    to_texel = np.array(
        (
            (cos * across, sin * across, (x - centre[0]) * across + half),
            (-sin * down, cos * down, (y - centre[1]) * down + half),
        )
    )
    shape = cols.stop - cols.start, rows.stop - rows.start
    return cv2.warpAffine(sprite, to_texel, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _lit(sprite, light, side):
    """The sprite in the light that falls on that side of the head."""
    normal = tuple(np.full(1, part, F32) for part in (0.62 * side, 0.0, 0.78))
    lit = sprite.copy()
    lit[..., :3] *= light.diffuse(normal, light.skin)[:, 0]
    return lit


def _paint(p):
    """Sprite [H, W, 4], bare at its edges; u grows away from the head."""
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
