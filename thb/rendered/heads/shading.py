"""Light: a key, a soft fill and a rim, applied to colours that stay in display space."""

import numpy as np

from thb.rendered.heads.fields import F32, look_up, power, ramp

LEVELS = 512
GAMMA = 2.2
SKIN_WRAP = (0.34, 0.20, 0.15)  # red light travels furthest under skin and softens the shadow's edge
PLAIN_WRAP = (0.22, 0.22, 0.22)
KEY_STRENGTH = 0.98
KNEE = F32(0.82)  # brighter colours are rolled off


class Light:
    """A portrait's light: tables from the cosine to the key onto a colour factor."""

    def __init__(self, portrait):
        self.key = np.array(portrait.light, F32)
        middle = self.key + np.array((0, 0, 1), F32)
        self.half = middle / np.linalg.norm(middle)
        self.rim_side = -float(np.sign(portrait.light[0]))
        self.skin_shine = 0.11 + 0.10 * (1.0 - float(np.mean(portrait.skin)))
        self.skin = _table(portrait, SKIN_WRAP)
        self.plain = _table(portrait, PLAIN_WRAP)

    def facing(self, normal):
        """Cosine between a normal (three arrays) and the key light."""
        x, y, z = normal
        return x * self.key[0] + y * self.key[1] + z * self.key[2]

    def diffuse(self, normal, table):
        """Colour factor [3, ...]; surfaces that face down get less of the fill."""
        factor = look_up(table, (self.facing(normal) + 1.0) * (0.5 * (LEVELS - 1)))
        factor *= 1.0 - 0.13 * normal[1]
        return factor

    def shine(self, normal):
        """Blinn highlight of skin: the cosine's 18th power."""
        x, y, z = normal
        cosine = np.maximum(x * self.half[0] + y * self.half[1] + z * self.half[2], 0.0)
        second = cosine * cosine
        shine = second * second
        shine *= shine
        shine *= shine
        shine *= second
        return self.skin_shine * shine

    def strand_shine(self, normal):
        """Highlight of strands that run down the shell: the strand, not the surface, faces the light."""
        x, y, z = normal
        across = x * self.half[0] + y * self.half[1] + z * self.half[2]
        along = (self.half[1] - y * across) / np.sqrt(np.maximum(1.0 - y * y, 0.02))
        sine = np.maximum(1.0 - along * along, 0.0)
        sine *= sine
        sine *= sine
        sine *= sine
        return sine * sine * np.maximum(across, 0.0)

    def rim(self, normal):
        """Thin light from behind, on the shadow side."""
        edge = 1.0 - np.abs(normal[2])
        return edge * edge * edge * np.clip(0.35 + 0.65 * self.rim_side * normal[0], 0.0, 1.0)


def _table(portrait, wrap):
    """Colour factor by cosine, [3, LEVELS]."""
    cosine = np.linspace(-1.0, 1.0, LEVELS, dtype=F32)
    wrap = np.array(wrap, F32)[:, None]
    soft = power(np.clip((cosine + wrap) / (1.0 + wrap), 0.0, 1.0), 1.15)
    deep = max(0.6 - float(np.mean(portrait.skin)), 0.0)  # a photographer exposes for the face
    light = (1.0 + 0.7 * deep) * (
        portrait.fill * 0.62 + KEY_STRENGTH * soft * np.array(portrait.key_colour, F32)[:, None]
    )
    return power(light, 1.0 / GAMMA)


def bent(normal, over_x, over_y):
    """A normal tilted by a relief's slopes, back to unit length."""
    x, y, z = normal[0] - over_x, normal[1] - over_y, normal[2]
    scale = 1.0 / np.sqrt(x * x + y * y + z * z)
    return x * scale, y * scale, z * scale


def finish(rgb):
    """Roll highlights off gently instead of clipping them, in place."""
    bright = np.flatnonzero(rgb > KNEE)
    if len(bright):
        flat = rgb.reshape(-1)
        over = flat[bright] - KNEE
        flat[bright] = KNEE + over / (F32(1.0) + over / (F32(1.0) - KNEE))
    return rgb


def vignette(size):
    """Slight darkening towards the corners, [S, S, 1]."""
    axis = np.linspace(-1.0, 1.0, size, dtype=F32)
    radius = np.hypot(axis[:, None], axis[None, :])
    return 1.0 - 0.16 * ramp(0.6, 1.5, radius)[..., None]
