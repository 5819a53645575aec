"""Eyes and brows, with the glasses before them, painted on the sheet for each frame."""

import numpy as np

from thb.rendered.heads.fields import F32, power, ramp, stroke
from thb.rendered.heads.glasses import Glasses
from thb.rendered.heads.patches import Patch, column, still_of
from thb.rendered.heads.skin import BROW_Y, EYE_Y

EYE_WINDOW = (1.15, -0.36, 0.33)  # angle, top, bottom
EYE_HALF_WIDTH, UPPER_LID, LOWER_LID = 0.158, 0.075, 0.049
EYE_REACH = 0.19  # up and down from its middle: further off, a crease or a shadow is less than 1e-4
LOWEST_BROW = 0.05
IRIS_RADIUS, PUPIL_RADIUS = 0.077, 0.031
SCLERA, LASH, GLINT = (np.array(colour, F32) for colour in ((0.87, 0.84, 0.82), (0.10, 0.07, 0.06), (1.0, 1.0, 1.0)))


class EyeBand:
    """Both eyes, brows and glasses of one portrait; `paint` draws them for some frames."""

    def __init__(self, portrait, grid, sheet, look):
        self.portrait, self.look = portrait, look
        self.window = grid.window(*EYE_WINDOW)
        self.still = still_of(sheet, self.window)
        self.texels = grid.per_height
        x, y = grid.x[self.window], grid.y[self.window]
        hairs = _brow_hairs(np.random.default_rng((portrait.seed, 2)), x, y)
        middle = x.shape[1] // 2
        halves = ((-1, slice(0, middle)), (1, slice(middle, None)))
        self.brows = [_Brow(portrait, side, x, y, hairs, half) for side, half in halves]
        self.eyes = [_Eye(portrait, side, x, y, half) for side, half in halves]
        self.glasses = Glasses(portrait, x, y, grid, look) if portrait.glasses != "none" else None

    def paint(self, motion, frames) -> Patch:
        """The window for a slice of frames."""
        patch = Patch.of(self.still, len(motion.blink[frames]))
        for brow, eye in zip(self.brows, self.eyes, strict=True):
            self._brow(patch.part(*brow.window), brow, motion.brow[frames])
            self._eye(patch.part(*eye.window), eye, motion, frames)
        if self.glasses:
            self.glasses.paint(patch.sheet)
        return patch

    def _brow(self, patch, brow, raised):
        p = self.portrait
        rise = 0.035 * column(raised) + F32(0.012 * p.asymmetry * brow.side)
        cover = ramp(1.25, 0.55, np.abs(brow.above + rise) / brow.half) * brow.cover
        patch.paint(cover * 0.88, np.array(p.brow_colour, F32), gloss=0.1, flat=0.3)

    def _eye(self, patch, eye, motion, frames):
        p = self.portrait
        blink = np.clip(column(motion.blink[frames]) + F32(0.03 * p.asymmetry * eye.side), 0.0, 1.0)
        gaze_x, gaze_y = column(motion.gaze_x[frames]), column(motion.gaze_y[frames])
        lidded = eye.opened_to + np.maximum(gaze_y, 0) * (0.04 * eye.arch)
        upper = lidded + (eye.lower - lidded) * blink
        above = eye.down - upper
        opening = np.minimum(above, eye.lower - eye.down) * self.texels
        cover = np.clip(opening + 0.5, 0.0, 1.0) * (np.abs(eye.along) < 1.0)
        self._lid(patch, eye, above, blink)
        self._ball(patch, eye, cover, above, gaze_x, gaze_y, motion.pupil[frames])
        self._lashes(patch, eye, above, blink)

    def _lid(self, patch, eye, above, blink):
        p = self.portrait
        patch.shade((0.12 + 0.34 * p.lid_fold) * eye.crease * (1.0 - 0.5 * blink))
        patch.shade((0.05 + 0.10 * p.lashes) * ramp(0.02, -0.01, above) * eye.lid)

    def _ball(self, patch, eye, cover, above, gaze_x, gaze_y, pupil):
        p, side = self.portrait, eye.side
        radius = IRIS_RADIUS * p.eye_size
        eye_across = eye.across - side * (0.055 * gaze_x + self.look.iris_shift * side * 0.03)
        eye_down = eye.down + 0.010 - 0.045 * gaze_y
        distance = np.sqrt(eye_across * eye_across + eye_down * eye_down)
        shadow = 0.42 * np.exp(np.maximum(above, 0.0) * F32(-1.0 / 0.030))
        white = SCLERA[:, None, None, None] * (1.0 - shadow - eye.corners)
        iris = self._iris(distance, eye_down, radius)
        iris *= 1.0 - 0.9 * shadow
        edge = np.clip((radius - distance) * self.texels + 0.5, 0, 1)
        hole = np.clip((PUPIL_RADIUS * column(pupil) - distance) * self.texels + 0.5, 0, 1)
        colour = white + (iris - white) * edge
        colour *= 1.0 - 0.92 * hole
        patch.paint(cover, colour, gloss=0.55, glow=0.25)
        light = p.light
        glint_x, glint_y = eye_across - side * light[0] * 0.035, eye_down - light[1] * 0.042
        glint = np.exp((glint_x * glint_x + glint_y * glint_y) * F32(-1.0 / 0.019**2))
        patch.paint(np.clip(1.25 * glint, 0, 1) * cover, GLINT, glow=0.9)

    def _iris(self, distance, eye_down, radius):
        rim = ramp(0.70, 1.0, distance / radius)
        lower_light = 0.30 * np.clip(eye_down / radius, -0.4, 1.0)
        return np.array(self.portrait.iris, F32)[:, None, None, None] * (1.05 + lower_light - 0.62 * rim)

    def _lashes(self, patch, eye, above, blink):
        p = self.portrait
        dark = stroke(above + 0.004, eye.wing) * eye.span
        patch.paint((0.60 + 0.35 * p.lashes) * dark, LASH, gloss=0.0, glow=0.0)
        patch.paint((0.16 + 0.2 * p.lashes) * eye.lower_lash * (1.0 - blink), LASH * 2.2)
        patch.shade(eye.bag)


class _Brow:
    """One brow as it is in every frame, in the part of the eye band where it can be seen."""

    def __init__(self, portrait, side, x, y, hairs, half):
        p, self.side = portrait, side
        along = (side * x - 0.10) / 0.41  # 0 at the inner end, 1 at the tail
        self.window = _crop((along > -0.06) & (along < 1.06) & (y < LOWEST_BROW), half)
        x, y, hairs, along = x[self.window], y[self.window], hairs[self.window], along[self.window]
        self.above = (
            y - BROW_Y + p.brow_arch * (1.0 - ((along - 0.62) / 0.62) ** 2) + p.brow_tilt * (along - 0.3) * 0.4
        ).astype(F32)
        self.half = p.brow_thickness * (0.55 + 0.55 * ramp(-0.1, 0.25, along)) * (1.0 - 0.72 * ramp(0.45, 1.05, along))
        self.cover = ramp(-0.06, 0.10, along) * ramp(1.06, 0.90, along) * np.clip(0.78 + 0.28 * hairs, 0, 1)


class _Eye:
    """What stays of one eye from frame to frame, in the part of the eye band where it can be seen."""

    def __init__(self, portrait, side, x, y, half):
        p, self.side = portrait, side
        across, down = side * x - p.eye_x, y - EYE_Y
        down = down + p.eye_tilt * across
        along = across / (EYE_HALF_WIDTH * p.eye_size)
        self.window = _crop((np.abs(along) < 1.25) & (down > -EYE_REACH) & (down < EYE_REACH), half)
        self.across, self.down, self.along = (part[self.window].astype(F32) for part in (across, down, along))
        along, down = self.along, self.down
        self.arch = arch = np.maximum(1.0 - along * along, 0.0)
        self.opened_to = -UPPER_LID * p.eye_open * power(arch, 0.62) * (1.0 - 0.16 * along)
        self.lower = LOWER_LID * (1.0 - 0.12 * p.smile) * power(arch, 0.8) * (1.0 + 0.2 * along) - 0.004
        inside = ramp(1.25, 0.9, np.abs(along))
        self.crease = stroke(down - (self.opened_to - 0.032 - 0.012 * p.lid_fold), 0.014) * inside
        self.lid = ramp(-0.075, -0.03, down - self.opened_to) * inside
        self.corners = 1.3 * np.clip(np.abs(self.across) / EYE_HALF_WIDTH - 0.55, 0, 1) * 0.4
        self.span = ramp(1.12, 0.92, np.abs(along + 0.02))
        self.wing = (0.008 + 0.012 * p.lashes) * (0.75 + 0.45 * np.clip(along, -0.6, 1.0))
        self.lower_lash = stroke(down - self.lower - 0.004, 0.010) * self.span
        self.bag = 0.16 * stroke(down - self.lower - 0.045, 0.018) * self.span


def _crop(wanted, half):
    """Slices that hold every wanted texel of one half of a window [h, w]."""
    columns = np.zeros(wanted.shape[1], bool)
    columns[half] = True
    rows, cols = np.flatnonzero(wanted[:, half].any(axis=1)), np.flatnonzero(wanted.any(axis=0) & columns)
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _brow_hairs(rng, x, y):
    """Fine hairs that lean outwards, -1..1."""
    lean = np.abs(x) + 0.55 * (y - BROW_Y)
    knots = np.linspace(-0.5, 1.5, 240)
    return np.interp(lean + 0.004 * rng.normal(0.0, 1.0, x.shape), knots, rng.uniform(-1.0, 1.0, 240)).astype(F32)
