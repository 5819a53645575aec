"""Neck, shoulders and clothes: painted once a portrait on a flat canvas that the body's pose carries."""

import numpy as np

from thb.rendered.heads.fields import F32, blob, curve, fractal, lerp, noise, ramp, stroke

LEFT, RIGHT, TOP, BOTTOM = (
    -2.7,
    2.7,
    0.35,
    3.0,
)  # the canvas, half head heights from the head's centre at rest
TEXELS_PER_PIXEL = 1.15
SHOULDER_LINE = (
    (0.0, 0.40, 0.52, 0.75, 1.15, 1.55, 1.85, 2.05, 2.4),
    (0.98, 1.06, 1.14, 1.22, 1.32, 1.46, 1.68, 2.1, 3.2),
)
NECKLINES = {  # (distance from the middle, height) of the upper edge of the cloth
    "tshirt": ((0.0, 0.2, 0.38, 0.52, 0.7), (1.36, 1.33, 1.20, 1.07, 0.9)),
    "sweater": ((0.0, 0.2, 0.36, 0.50, 0.7), (1.30, 1.27, 1.16, 1.04, 0.9)),
    "vneck": ((0.0, 0.12, 0.30, 0.54, 0.7), (1.74, 1.62, 1.36, 1.05, 0.9)),
    "turtleneck": ((0.0, 0.3, 0.46, 0.7), (1.02, 0.98, 0.90, 0.8)),
    "shirt": ((0.0, 0.08, 0.25, 0.45, 0.7), (1.52, 1.40, 1.17, 1.00, 0.9)),
    "jacket": ((0.0, 0.08, 0.25, 0.45, 0.7), (1.48, 1.38, 1.17, 1.00, 0.9)),
}


class Canvas:
    """Local coordinates of the body's canvas: x [1, W], y [H, 1]."""

    def __init__(self, pixels_per_unit):
        self.per_unit = pixels_per_unit * TEXELS_PER_PIXEL
        rows, cols = int((BOTTOM - TOP) * self.per_unit), int((RIGHT - LEFT) * self.per_unit)
        self.shape = rows, cols
        self.x = (np.arange(cols, dtype=F32) / F32(self.per_unit) + F32(LEFT))[None, :]
        self.y = (np.arange(rows, dtype=F32) / F32(self.per_unit) + F32(TOP))[:, None]

    def texel(self, x, y):
        """Canvas coordinates (u, v) of local points."""
        return (x - F32(LEFT)) * F32(self.per_unit), (y - F32(TOP)) * F32(self.per_unit)

    def soft(self, distance):
        """Anti-aliased inside of a signed distance (positive inside)."""
        return np.clip(distance * self.per_unit + 0.5, 0.0, 1.0)


def neck_width(portrait, y):
    """Half width of the neck at a height."""
    base = 0.355 + 0.075 * portrait.masculine
    return base - 0.09 * ramp(0.95, 0.55, y) + 0.30 * ramp(1.02, 1.35, y)


def paint_body(portrait, light, pixels_per_unit):
    """(canvas, texture [H, W, 4]): lit colour and cover of neck, shoulders and clothes."""
    canvas = Canvas(pixels_per_unit)
    rng = np.random.default_rng((portrait.seed, 5))
    shoulder = canvas.y - curve(np.abs(canvas.x), *SHOULDER_LINE, soften=0.03)
    skin = _skin(portrait, light, canvas, shoulder)
    cloth, cloth_cover = _cloth(portrait, light, canvas, shoulder, rng)
    neck = canvas.soft(neck_width(portrait, canvas.y) - np.abs(canvas.x))
    texture = np.empty((*canvas.shape, 4), F32)
    texture[..., :3] = lerp(skin, cloth, cloth_cover)
    texture[..., 3] = np.maximum.reduce([neck, canvas.soft(shoulder), cloth_cover])
    return canvas, texture


def _lit(light, table, x, y, z, shape):
    scale = 1.0 / np.sqrt(x * x + y * y + z * z)
    normal = tuple(np.broadcast_to(part * scale, shape) for part in (x, y, z))
    return np.moveaxis(light.diffuse(normal, table), 0, -1)


def _skin(p, light, canvas, shoulder):
    x, y = canvas.x, canvas.y
    across = np.clip(x / neck_width(p, y), -0.97, 0.97)
    flat = ramp(1.05, 1.35, y)
    cord_x = 0.30 - 0.62 * np.clip(y - 0.85, 0.0, 0.42)
    cords = stroke(np.abs(x) - cord_x, 0.055) * ramp(0.7, 0.95, y) * ramp(1.36, 1.15, y)
    bones = stroke(y - 1.36 + 0.10 * np.abs(x), 0.035) * ramp(0.05, 0.2, np.abs(x)) * ramp(1.0, 0.6, np.abs(x))
    factor = _lit(
        light,
        light.skin,
        across * (1 - 0.7 * flat),
        0.15 - 0.45 * flat,
        np.sqrt(1 - across**2) + 0.5 * flat,
        canvas.shape,
    )
    pit = blob(x, y, 0, 1.36, 0.08, 0.07)
    tone = 0.90 + 0.05 * cords + 0.06 * bones - 0.10 * pit - 0.06 * stroke(y - 1.42 + 0.1 * np.abs(x), 0.04) * (1 - pit)
    return np.array(p.skin, F32) * factor * tone[..., None] * np.array((1.0, 0.985, 0.97), F32)


def _cloth(p, light, canvas, shoulder, rng):
    x, y, side = canvas.x, canvas.y, np.abs(canvas.x)
    edge = y - curve(side, *NECKLINES[p.clothes], soften=0.05)
    puff = 0.035
    trunk = np.minimum(shoulder + puff, edge)
    if p.clothes == "turtleneck":
        tube = neck_width(p, y) + 0.055 - side
        trunk = np.minimum(np.maximum(shoulder + puff, tube), edge)
    folds = fractal(rng, canvas.shape, 5, 3, aspect=0.5)
    factor = _lit(
        light,
        light.plain,
        0.40 * x + 0.22 * folds,
        -0.10 - 0.75 * np.exp(-np.maximum(shoulder, 0) / 0.13) + 0.12 * folds,
        1.0,
        canvas.shape,
    )
    weave = _weave(p, canvas, edge, rng)
    colour = np.array(p.cloth_colour, F32) * factor * weave[..., None]
    cover = canvas.soft(trunk)
    if p.clothes in ("shirt", "jacket"):
        colour, cover = _collar(p, canvas, shoulder, factor, colour, cover)
    return colour, cover


def _weave(p, canvas, edge, rng):
    """Brightness of the fabric: ribs of a knit, a hem, fine threads."""
    x, y, (rows, cols) = canvas.x, canvas.y, canvas.shape
    threads = 1.0 + 0.03 * noise(rng, canvas.shape, rows / 2, cols / 2)
    hem = 1.0 - 0.16 * stroke(edge - 0.075, 0.014) - 0.20 * stroke(edge, 0.02)
    if p.clothes in ("sweater", "turtleneck"):
        ribs = np.sin(x * 52.0 + 1.5 * np.sin(y * 40.0) * (edge > 0.09))
        return threads * hem * (1.0 + 0.055 * ribs)
    if p.clothes == "shirt":
        return threads
    return threads * hem


def _collar(p, canvas, shoulder, factor, colour, cover):
    """A shirt's collar and placket; for a jacket also the shirt beneath and the lapels."""
    x, y, side = canvas.x, canvas.y, np.abs(canvas.x)
    shirt = p.cloth_colour if p.clothes == "shirt" else p.inner_colour
    shirt_lit = np.array(shirt, F32) * factor
    if p.clothes == "jacket":
        gap = 0.40 - 0.44 * (y - 1.10)  # half width of the opening between the lapels
        colour = lerp(colour, shirt_lit, canvas.soft(gap - side))
        roll = stroke(side - gap - 0.015, 0.022) + 0.8 * stroke(
            side - gap - 0.27 + 0.16 * np.clip(y - 1.2, 0, 1), 0.012
        ) * (y > 1.3)
        colour = colour * (1.0 - 0.35 * np.clip(roll, 0, 1) * (side > gap - 0.02))[..., None]
    placket = (
        1.0 - 0.13 * stroke(x - 0.055, 0.010) - 0.30 * stroke(np.hypot(x, (y - 1.05) % 0.34 - 0.17), 0.020) * (y > 1.5)
    )
    colour = colour * np.where(side < 0.2, placket, 1.0)[..., None]
    inner = 0.44 * ramp(1.46, 0.96, y) - 0.01  # the collar's inner edge closes towards the button
    outer = inner + 0.235 * ramp(0.90, 1.20, y) + 0.02
    tip = 1.50 - 0.45 * (side - 0.12)
    leaf = canvas.soft(np.minimum.reduce([side - inner, outer - side, tip - y, y - 0.99 + 0.05 * side]))
    fold = 0.98 + 0.10 * ramp(0.0, 0.2, side - inner)
    below = np.minimum.reduce([outer + 0.05 - side, tip + 0.05 - y, y - 1.0 + 0.0 * side, side - inner])
    colour = colour * (1.0 - 0.28 * canvas.soft(below))[..., None]
    return lerp(colour, shirt_lit * fold[..., None], leaf), np.maximum(cover, leaf)
