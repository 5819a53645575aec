"""The still part of a face: a sheet wrapped round the head that holds colour, relief and gloss."""

from dataclasses import dataclass

import numpy as np

from thb.rendered.heads.fields import F32, blob, fractal, lerp, noise, ramp, stroke, twin
from thb.rendered.heads.shells import Shell, make_shell

# Channels of a sheet [H, W, 8]
RED_GREEN_BLUE, BUMP_X, BUMP_Y, GLOSS, INSIDE_MOUTH, GLOW = slice(0, 3), 3, 4, 5, 6, 7
CHANNELS = 8

ANGLE_REACH = 2.3  # the sheet runs from -ANGLE_REACH to ANGLE_REACH radians
SHEET_TOP, SHEET_BOTTOM = -1.06, 1.12
TEXELS_PER_PIXEL = 1.4
FACE_DEPTH = 1.05  # depth over width
EYE_Y, NOSE_Y, MOUTH_Y, CHIN_Y, BROW_Y, EAR_Y = 0.055, 0.435, 0.65, 1.0, -0.17, 0.17
BUMP_STRENGTH = 0.52
SLOPE_STEP = 0.006


@dataclass(frozen=True)
class Grid:
    """The lattice of a sheet: angle and height of each texel, and the front-plane x it stands for."""

    x: np.ndarray  # [H, W] front plane, half head heights
    y: np.ndarray  # [H, W]
    front: np.ndarray  # [H, W] 1 on the face side, 0 on the back of the head
    per_angle: float  # texels per radian
    per_height: float  # texels per unit

    @property
    def shape(self):
        """Rows and columns."""
        return self.x.shape

    def texel(self, angle, height):
        """Texel coordinates (u, v) of a point of the shell."""
        return (angle + ANGLE_REACH) * F32(self.per_angle), (height - SHEET_TOP) * F32(self.per_height)

    def window(self, angle, top, bottom):
        """Slices of the sheet within +-angle and between two heights."""
        left, right = (int(self.texel(np.float32(side * angle), 0.0)[0]) for side in (-1, 1))
        first, last = (int(self.texel(0.0, np.float32(edge))[1]) for edge in (top, bottom))
        return slice(first, last + 2), slice(left, right + 2)


def head_shell(portrait) -> Shell:
    """The bare head: a round skull over a face that narrows to the chin."""
    p = portrait
    knots = (
        (-1.0, 0.0),
        (-0.93, 0.28),
        (-0.72, 0.515),
        (-0.38, p.temple),
        (0.0, p.temple + 0.012),
        (0.22, p.cheek),
        (0.45, 0.5 * (p.cheek + p.jaw) + 0.015),
        (0.68, p.jaw - 0.045),
        (0.86, p.chin + 0.035),
        (0.955, 0.6 * p.chin),
        (1.0, 0.0),
    )
    return make_shell(knots, FACE_DEPTH, ((-1.0, -0.02), (0.0, 0.0), (0.5, 0.10), (1.0, 0.26)), soften=0.03)


def make_grid(shell: Shell, pixels_per_unit: float) -> Grid:
    """A lattice about TEXELS_PER_PIXEL finer than the frame."""
    per_height = pixels_per_unit * TEXELS_PER_PIXEL
    per_angle = per_height * 0.64
    rows, cols = int((SHEET_BOTTOM - SHEET_TOP) * per_height) + 1, int(2 * ANGLE_REACH * per_angle) + 1
    angle = (np.arange(cols, dtype=F32) / F32(per_angle) - F32(ANGLE_REACH))[None, :]
    y = (np.arange(rows, dtype=F32) / F32(per_height) + F32(SHEET_TOP))[:, None] + 0 * angle
    return Grid(
        (shell.width_at(y) * np.sin(angle)).astype(F32),
        y,
        ramp(-0.1, 0.25, np.cos(angle)),
        per_angle,
        per_height,
    )


def relief(portrait, x, y):
    """Height of the face above its shell: nose, sockets, cheekbones, lips and chin."""
    p = portrait
    side = np.abs(x)
    tip_y = NOSE_Y - 0.045 + p.nose_length
    along = np.clip((y + 0.16) / (tip_y + 0.16), 0.0, 1.0)
    bridge = p.nose_height * (0.06 + 0.94 * along**1.3) * ramp(-0.20, 0.06, y) * ramp(tip_y + 0.14, tip_y + 0.005, y)
    bridge = bridge * np.exp(-((x / (0.060 + 0.045 * along)) ** 2))
    tip = 0.050 * blob(x, y, 0.0, tip_y, 0.085, 0.070)
    wings = 0.068 * blob(side, y, 0.70 * p.nose_width, NOSE_Y + p.nose_length - 0.005, 0.056, 0.054)
    sockets = -0.060 * blob(side, y, 0.275, EYE_Y - 0.01, 0.155, 0.10)
    eyeballs = 0.026 * blob(side, y, p.eye_x, EYE_Y, 0.10, 0.075)
    brow = (0.012 + 0.028 * p.masculine) * blob(side, y, 0.25, BROW_Y + 0.02, 0.20, 0.06)
    bones = 0.050 * blob(side, y, 0.42, 0.30, 0.16, 0.13)
    muzzle = 0.045 * blob(x, y, 0.0, MOUTH_Y - 0.02, 0.26, 0.16)
    chin = 0.045 * blob(x, y, 0.0, 0.88, 0.15 + 0.04 * p.masculine, 0.08)
    groove = -0.030 * blob(x, y, 0.0, MOUTH_Y + 0.135, 0.15, 0.035)
    philtrum = -0.012 * blob(x, y, 0.0, 0.515, 0.022, 0.045)
    temples = -0.030 * blob(side, y, 0.60, -0.15, 0.10, 0.20)
    return (
        bridge
        + tip
        + wings
        + sockets
        + eyeballs
        + brow
        + bones
        + muzzle
        + chin
        + groove
        + philtrum
        + temples
        + _folds(p, side, y)
    )


def _folds(p, side, y):
    """Creases that deepen with age and smiling: beside the mouth, under the eyes, on the forehead."""
    slant = ramp(0.40, 0.66, y)
    cheek_fold = (
        stroke(side - (p.nose_width + 0.045 + 0.135 * slant), 0.022) * ramp(0.36, 0.46, y) * ramp(0.74, 0.60, y)
    )
    bag = (
        stroke(y - (EYE_Y + 0.135 - 0.5 * (side - 0.28) ** 2), 0.022) * ramp(0.13, 0.20, side) * ramp(0.46, 0.36, side)
    )
    lines = sum(stroke(y - level - 0.03 * np.cos(3.0 * side), 0.014) for level in (-0.42, -0.34, -0.50)) * ramp(
        0.38, 0.2, side
    )
    older = max(p.age - 0.35, 0.0)
    return (
        -(0.003 + 0.022 * older + 0.006 * max(p.smile, 0)) * cheek_fold
        - (0.003 + 0.014 * older) * bag
        - 0.010 * older * lines
    )


def slopes(portrait, grid: Grid):
    """Relief and its two slopes on the grid."""
    here = relief(portrait, grid.x, grid.y)
    over_x = (relief(portrait, grid.x + SLOPE_STEP, grid.y) - here) / SLOPE_STEP
    over_y = (relief(portrait, grid.x, grid.y + SLOPE_STEP) - here) / SLOPE_STEP
    return (here * grid.front).astype(F32), over_x * grid.front, over_y * grid.front


def make_sheet(portrait, grid: Grid, smooth: float = 0.0):
    """The face without eyes, brows and lips: (sheet [H, W, 8], relief [H, W]); `smooth` wipes fine skin."""
    rng = np.random.default_rng((portrait.seed, 1))
    height, over_x, over_y = slopes(portrait, grid)
    grain = fractal(rng, grid.shape, 26, 3, aspect=0.45) * (1.0 - smooth)
    sheet = np.zeros((*grid.shape, CHANNELS), F32)
    sheet[..., RED_GREEN_BLUE] = _colour(portrait, grid, rng, smooth) * (1.0 + 0.028 * grain)[..., None]
    sheet[..., BUMP_X] = BUMP_STRENGTH * over_x
    sheet[..., BUMP_Y] = BUMP_STRENGTH * over_y + 0.03 * grain
    sheet[..., GLOSS] = _gloss(grid.x, grid.y) * (1.0 - 0.3 * grain)
    _grow_beard(portrait, grid, rng, sheet)
    return sheet, height


def _gloss(x, y):
    """Oily places shine: forehead, nose, cheekbones, chin."""
    oily = (
        blob(x, y, 0, -0.40, 0.30, 0.16)
        + 0.8 * blob(x, y, 0, 0.24, 0.05, 0.16)
        + 1.4 * blob(x, y, 0, NOSE_Y - 0.06, 0.055, 0.05)
        + twin(x, y, 0.40, 0.26, 0.15, 0.10)
    )
    return 0.35 + 0.65 * oily + 0.4 * blob(x, y, 0, 0.88, 0.12, 0.07)


def _colour(p, grid, rng, smooth):
    x, y = grid.x, grid.y
    skin, blush = np.array(p.skin, F32), np.array(p.blush, F32)
    rosy = p.flush * (
        twin(x, y, 0.40, 0.34, 0.19, 0.15)
        + 0.8 * blob(x, y, 0, 0.37, 0.11, 0.09)
        + 0.4 * blob(x, y, 0, 0.90, 0.16, 0.10)
    )
    patches = noise(rng, grid.shape, 5, 9)
    colour = lerp(
        np.broadcast_to(skin, (*grid.shape, 3)),
        blush,
        np.clip(0.75 * rosy + 0.10 * patches * (1 - smooth), 0, 1),
    )
    forehead = blob(x, y, 0, -0.45, 0.5, 0.25)[..., None]
    colour = colour * (1.0 + forehead * np.array((0.01, 0.015, 0.0), F32))
    colour = colour * _hollows(p, x, y)
    return _freckled(p, grid, rng, colour)


def _hollows(p, x, y):
    """Ambient occlusion: sockets, nose, under the lip; warm, as light through skin is [H, W, 3]."""
    side = np.abs(x)
    wing_y = NOSE_Y + p.nose_length
    socket = 0.24 * twin(x, y, 0.215, EYE_Y - 0.045, 0.10, 0.07) + 0.10 * twin(x, y, 0.29, EYE_Y, 0.19, 0.12)
    tired = (0.05 + 0.10 * p.age) * stroke(y - EYE_Y - 0.115, 0.035) * ramp(0.10, 0.18, side) * ramp(0.46, 0.34, side)
    beside = (
        0.20
        * stroke(np.hypot((side - 0.55 * p.nose_width) / 0.105, (y - wing_y) / 0.085) - 1.0, 0.22)
        * ramp(0.6, 1.0, side / p.nose_width)
    )
    under = 0.22 * blob(x, y, 0.0, wing_y + 0.062, 0.115, 0.026)
    nostrils = 0.72 * twin(x, y, 0.48 * p.nose_width, wing_y + 0.040, 0.034, 0.016)
    lip = 0.20 * blob(x, y, 0.0, MOUTH_Y + 0.125, 0.14, 0.032)
    corners = 0.14 * twin(x, y, p.mouth_width + 0.025, MOUTH_Y - 0.65 * mouth_bend(p), 0.035, 0.035)
    jaw = 0.16 * ramp(0.80, 1.02, y) + 0.10 * ramp(0.50, 0.68, side)
    cast = 0.16 * blob(x, y, -np.sign(p.light[0]) * (p.nose_width + 0.05), wing_y + 0.03, 0.07, 0.06)
    depth = np.clip(socket + tired + beside + under + nostrils + lip + corners + jaw + cast, 0.0, 0.9)[..., None]
    return 1.0 - depth * np.array((0.82, 1.0, 1.05), F32)


def mouth_bend(p):
    """How far a smile lifts the corners of the mouth above its middle."""
    return 0.010 + 0.046 * p.smile


def _freckled(p, grid, rng, colour):
    spots = ramp(0.50, 0.80, noise(rng, grid.shape, grid.shape[0] / 2.6, grid.shape[1] / 2.6))
    where = twin(grid.x, grid.y, 0.30, 0.28, 0.25, 0.13) + blob(grid.x, grid.y, 0, 0.22, 0.14, 0.12)
    return lerp(colour, colour * np.array((0.80, 0.66, 0.56), F32), p.freckles * np.clip(where, 0, 1) * spots)


def _beard_zone(p, x, y):
    """Where each kind of beard grows, 0..1."""
    side = np.abs(x)
    around = np.hypot(x / (p.mouth_width + 0.055), (y - MOUTH_Y - 0.005) / 0.122)  # 1 on a ring about the mouth
    ring = ramp(0.42, 0.20, np.abs(around - 1.02))
    moustache = ring * ramp(0.03, -0.03, y - MOUTH_Y - 0.02) * (0.72 + 0.28 * ramp(0.01, 0.04, side))
    jaw_line = ramp(-0.06, 0.07, y - (0.63 - 0.80 * np.clip(side - 0.30, 0, 0.5)))
    sideburn = ramp(0.53, 0.60, side) * ramp(0.0, 0.15, y)
    cheeks = np.maximum(jaw_line, sideburn) * ramp(0.75, 1.0, around)
    chin = ramp(0.02, 0.08, y - MOUTH_Y) * ramp(0.24, 0.15, side) * ramp(0.75, 1.0, around)
    zones = {
        "none": 0.0,
        "stubble": 0.34 * np.maximum(cheeks, moustache),
        "moustache": 0.9 * moustache * ramp(0.0, -0.035, y - MOUTH_Y + 0.01),
        "goatee": 0.88 * np.maximum.reduce([moustache, chin, 0.9 * ring]),
        "full": 0.93 * np.maximum.reduce([cheeks, moustache, ring]),
    }
    return zones[p.beard]


def _grow_beard(p, grid, rng, sheet):
    if p.beard == "none":
        return
    hairs = noise(rng, grid.shape, grid.shape[0] / 5, grid.shape[1] / 2.2) + 0.6 * noise(
        rng, grid.shape, grid.shape[0] / 2.4, grid.shape[1] / 2
    )
    zone = _beard_zone(p, grid.x, grid.y)
    cover = np.clip(zone * (1.0 + 0.35 * hairs), 0.0, 0.97) * grid.front
    colour = np.array(p.hair_colour, F32) * 0.85 + 0.15 * np.array(p.skin, F32) * 0.5
    sheet[..., RED_GREEN_BLUE] = lerp(sheet[..., RED_GREEN_BLUE], colour * (1.0 + 0.22 * hairs)[..., None], cover)
    sheet[..., BUMP_X] += 0.25 * hairs * cover
    sheet[..., GLOSS] *= 1.0 - 0.8 * cover
