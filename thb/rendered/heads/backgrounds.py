"""Rooms and gardens behind the sitter, always a little out of focus."""

import numpy as np

from thb.rendered.heads.fields import F32, blob, blur, fractal, lerp, ramp

FOCUS = 0.022  # blur of things in the room, fractions of the frame side


def paint_background(portrait, size):
    """The bare plate [S, S, 3] of the portrait's room."""
    rng = np.random.default_rng((portrait.seed, 6))
    axis = (np.arange(size, dtype=F32) + 0.5) / size
    x, y = np.meshgrid(axis, axis)
    plate = PAINTERS[portrait.background](portrait, rng, x, y)
    grain = fractal(rng, (size, size), 5, 3)
    return np.clip(plate * (1.0 + 0.018 * grain)[..., None], 0.02, 0.97).astype(F32)


def _wall_light(p, x, y, strength=0.30):
    """The key light falling off across a wall."""
    side = np.sign(p.light[0])
    near = ramp(1.25, -0.15, np.hypot(x - 0.5 - 0.55 * side, 0.8 * (y - 0.15)))
    return (1.0 - 0.55 * strength + strength * near)[..., None]


def _wall(p, rng, x, y):
    plaster = fractal(rng, x.shape, 9, 4)
    return np.array(p.wall_colour, F32) * _wall_light(p, x, y, 0.42) * (1.0 + 0.015 * plaster)[..., None]


def _studio(p, rng, x, y):
    pool = ramp(0.85, 0.05, np.hypot(x - 0.5 + 0.1 * np.sign(p.light[0]), y - 0.42))
    cloud = fractal(rng, x.shape, 3, 3)
    return np.array(p.wall_colour, F32) * (0.40 + 0.52 * pool + 0.05 * cloud)[..., None]


def _box(image, x, y, left, right, top, bottom, colour, share=1.0):
    """Lay a rectangle on an image, in place."""
    rows, cols = (np.searchsorted(a, (low, high)) for a, low, high in ((y[:, 0], top, bottom), (x[0], left, right)))
    inside = image[slice(*rows), slice(*cols)]
    inside *= 1.0 - share
    inside += share * np.asarray(colour, F32)


def _interior(p, rng, x, y):
    wall = np.array(p.wall_colour, F32) * _wall_light(p, x, y, 0.36)
    room = wall.copy()
    side = 1.0 if rng.random() < 0.5 else 0.0
    wood = np.array((0.36, 0.27, 0.20), F32)
    _box(room, x, y, 0.0, 1.0, 0.80, 1.0, wood * 0.8)
    left = side * 0.62 + rng.uniform(0.03, 0.08)
    _box(room, x, y, left, left + 0.24, 0.10, 0.42, wood * 0.7)
    _box(room, x, y, left + 0.02, left + 0.22, 0.12, 0.40, 0.55 * np.array(p.accent_colour, F32) + 0.35)
    _box(room, x, y, left + 0.05, left + 0.19, 0.24, 0.40, np.array(p.accent_colour, F32) * 0.9)
    lamp_x = (1.0 - side) * 0.68 + rng.uniform(0.10, 0.22)
    _box(room, x, y, lamp_x - 0.012, lamp_x + 0.012, 0.42, 0.82, (0.25, 0.22, 0.19))
    _box(room, x, y, lamp_x - 0.085, lamp_x + 0.085, 0.26, 0.44, (0.96, 0.86, 0.66))
    room = blur(room, FOCUS * len(x))
    return room + 0.26 * blob(x, y, lamp_x, 0.36, 0.24, 0.26)[..., None] * np.array((1.0, 0.80, 0.52), F32)


def _bookshelf(p, rng, x, y):
    wood = np.array((0.33, 0.24, 0.17), F32) * rng.uniform(0.7, 1.15)
    image = np.empty((*x.shape, 3), F32)
    image[:] = wood * 0.45
    shelves = int(rng.integers(4, 6))
    for row in range(shelves):
        _fill_shelf(image, p, rng, x, y, row / shelves, 1.0 / shelves)
        _box(image, x, y, 0.0, 1.0, (row + 0.93) / shelves, (row + 1) / shelves, wood)
    lit = blur(image, FOCUS * 0.75 * len(x)) * _wall_light(p, x, y, 0.40)
    return lerp(lit, np.broadcast_to(np.array(p.wall_colour, F32) * 0.7, lit.shape), np.full(x.shape, 0.12, F32))


def _fill_shelf(image, p, rng, x, y, top, height):
    tones = np.array(
        (
            (0.45, 0.22, 0.19),
            (0.22, 0.29, 0.36),
            (0.55, 0.49, 0.38),
            (0.27, 0.33, 0.26),
            (0.60, 0.56, 0.50),
            (0.20, 0.18, 0.19),
            p.accent_colour,
        ),
        F32,
    )
    left = rng.uniform(-0.05, 0.0)
    while left < 1.0:
        width = rng.uniform(0.022, 0.055)
        if rng.random() > 0.10:
            tall = rng.uniform(0.60, 0.86)
            colour = tones[int(rng.integers(len(tones)))] * rng.uniform(0.8, 1.2)
            _box(
                image,
                x,
                y,
                left,
                left + width - 0.003,
                top + (0.93 - tall) * height,
                top + 0.93 * height,
                colour,
            )
        left += width


def _window(p, rng, x, y):
    wall = np.array(p.wall_colour, F32) * _wall_light(p, x, y, 0.5) * 0.85
    room = wall.copy()
    left = -0.06 if p.light[0] < 0 else 0.64
    outside = np.array((0.90, 0.93, 0.95), F32) - (0.25 * ramp(0.3, 0.8, y))[..., None] * np.array(
        (0.9, 0.55, 0.9), F32
    )
    for column in range(2):
        for row in range(2):
            x0, y0 = left + 0.215 * column, 0.06 + 0.31 * row
            pane = (x > x0) & (x < x0 + 0.195) & (y > y0) & (y < y0 + 0.29)
            room[pane] = outside[pane]
    curtain = (x > left + 0.40) & (x < left + 0.50) if left < 0 else (x > left - 0.09) & (x < left + 0.01)
    room[curtain] = (wall * 0.55 + 0.36)[curtain] * (1.0 + 0.12 * np.sin(x * 170.0))[curtain][:, None]
    room = blur(room, FOCUS * 0.8 * len(x))
    bloom = blob(x, y, left + 0.2, 0.35, 0.42, 0.45)[..., None]
    return room + 0.10 * bloom


def _foliage(p, rng, x, y):
    leaves = fractal(rng, x.shape, 6, 3)
    dark, light = np.array((0.13, 0.20, 0.12), F32), np.array((0.44, 0.52, 0.30), F32)
    garden = lerp(np.broadcast_to(dark, (*x.shape, 3)), light, np.clip(0.45 + 0.55 * leaves - 0.25 * (y - 0.4), 0, 1))
    garden = blur(garden, 1.6 * FOCUS * len(x))
    for _ in range(26):
        cx, cy, radius = rng.uniform(0, 1), rng.uniform(0, 0.85), rng.uniform(0.018, 0.06)
        disc = ramp(radius * 1.15, radius * 0.85, np.hypot(x - cx, y - cy)) * (
            0.88 + 0.12 * ramp(0.5, 1.0, np.hypot(x - cx, y - cy) / radius)
        )
        tint = np.array((0.80, 0.83, 0.55), F32) * rng.uniform(0.75, 1.1)
        garden = lerp(garden, tint, (rng.uniform(0.08, 0.30) * disc).astype(F32))
    return garden * _wall_light(p, x, y, 0.25)


PAINTERS = {
    "interior": _interior,
    "bookshelf": _bookshelf,
    "wall": _wall,
    "studio": _studio,
    "window": _window,
    "foliage": _foliage,
}
