"""Eyes and brows, with the glasses before them, painted on the sheet for each frame."""

import numpy as np

from thb.rendered.heads.fields import F32, ramp, stroke
from thb.rendered.heads.glasses import Glasses
from thb.rendered.heads.patches import Patch, column
from thb.rendered.heads.skin import BROW_Y, EYE_Y

EYE_WINDOW = (1.15, -0.36, 0.33)  # angle, top, bottom
EYE_HALF_WIDTH, UPPER_LID, LOWER_LID = 0.158, 0.075, 0.049
IRIS_RADIUS, PUPIL_RADIUS = 0.077, 0.031
SCLERA, LASH, GLINT = (np.array(colour, F32) for colour in ((0.87, 0.84, 0.82), (0.10, 0.07, 0.06), (1.0, 1.0, 1.0)))


class EyeBand:
    """Both eyes, brows and glasses of one portrait; `paint` draws them for some frames."""

    def __init__(self, portrait, grid, sheet, look):
        self.portrait, self.look = portrait, look
        self.window = grid.window(*EYE_WINDOW)
        self.still = sheet[self.window].copy()
        self.texels = grid.per_height
        x, y = grid.x[self.window], grid.y[self.window]
        middle = x.shape[1] // 2
        rng = np.random.default_rng((portrait.seed, 2))
        hairs = _brow_hairs(rng, x, y)
        self.sides = [
            (side, half, x[:, half], y[:, half], hairs[:, half])
            for side, half in ((-1, slice(0, middle)), (1, slice(middle, None)))
        ]
        self.glasses = Glasses(portrait, x, y, grid, look) if portrait.glasses != "none" else None

    def paint(self, motion, frames):
        """The window for a slice of frames: [T, h, w, 8]."""
        count = len(motion.blink[frames])
        band = np.empty((count, *self.still.shape), F32)
        for side, half, x, y, hairs in self.sides:
            patch = Patch(self.still[:, half], count)
            self._brow(patch, side, x, y, hairs, motion.brow[frames])
            self._eye(patch, side, x, y, motion, frames)
            band[:, :, half] = patch.sheet
        if self.glasses:
            self.glasses.paint(band)
        return band

    def _brow(self, patch, side, x, y, hairs, raised):
        p = self.portrait
        along = (side * x - 0.10) / 0.41  # 0 at the inner end, 1 at the tail
        rise = 0.035 * column(raised) + 0.012 * p.asymmetry * side
        centre = BROW_Y - p.brow_arch * (1.0 - ((along - 0.62) / 0.62) ** 2) - p.brow_tilt * (along - 0.3) * 0.4 - rise
        half = p.brow_thickness * (0.55 + 0.55 * ramp(-0.1, 0.25, along)) * (1.0 - 0.72 * ramp(0.45, 1.05, along))
        ends = ramp(-0.06, 0.10, along) * ramp(1.06, 0.90, along)
        cover = ramp(1.25, 0.55, np.abs(y - centre) / half) * ends * np.clip(0.78 + 0.28 * hairs, 0, 1)
        patch.paint(cover * 0.88, np.array(p.brow_colour, F32), gloss=0.1, flat=0.3)

    def _eye(self, patch, side, x, y, motion, frames):
        p = self.portrait
        blink = np.clip(column(motion.blink[frames]) + 0.03 * p.asymmetry * side, 0.0, 1.0)
        gaze_x, gaze_y = column(motion.gaze_x[frames]), column(motion.gaze_y[frames])
        across, down = side * x - p.eye_x, y - EYE_Y
        down = down + p.eye_tilt * across
        along = across / (EYE_HALF_WIDTH * p.eye_size)
        arch = np.maximum(1.0 - along * along, 0.0)
        opened_to = -UPPER_LID * p.eye_open * arch**0.62 * (1.0 - 0.16 * along)
        lower = LOWER_LID * (1.0 - 0.12 * p.smile) * arch**0.8 * (1.0 + 0.2 * along) - 0.004
        lidded = opened_to + np.maximum(gaze_y, 0) * 0.04 * arch
        upper = lidded + (lower - lidded) * blink
        opening = np.minimum(down - upper, lower - down) * self.texels
        cover = np.clip(opening + 0.5, 0.0, 1.0) * (np.abs(along) < 1.0)
        self._lid(patch, along, down, upper, opened_to, blink)
        self._ball(patch, side, cover, across, down, upper, gaze_x, gaze_y, motion.pupil[frames])
        self._lashes(patch, along, down, upper, lower, blink)

    def _lid(self, patch, along, down, upper, opened_to, blink):
        p = self.portrait
        inside = ramp(1.25, 0.9, np.abs(along))
        crease = stroke(down - (opened_to - 0.032 - 0.012 * p.lid_fold), 0.014) * inside * (1.0 - 0.5 * blink)
        patch.shade((0.12 + 0.34 * p.lid_fold) * crease)
        lid = ramp(0.02, -0.01, down - upper) * ramp(-0.075, -0.03, down - opened_to) * inside
        patch.shade((0.05 + 0.10 * p.lashes) * lid)

    def _ball(self, patch, side, cover, across, down, upper, gaze_x, gaze_y, pupil):
        p = self.portrait
        radius = IRIS_RADIUS * p.eye_size
        eye_across = across - side * (0.055 * gaze_x + self.look.iris_shift * side * 0.03)
        eye_down = down + 0.010 - 0.045 * gaze_y
        distance = np.hypot(eye_across, eye_down)
        shadow = 0.42 * np.exp(-np.maximum(down - upper, 0.0) / 0.030)
        white = SCLERA * (1.0 - shadow - 1.3 * np.clip(np.abs(across) / EYE_HALF_WIDTH - 0.55, 0, 1) * 0.4)[..., None]
        iris = self._iris(distance, eye_down, radius)
        iris *= (1.0 - 0.9 * shadow)[..., None]
        edge = np.clip((radius - distance) * self.texels + 0.5, 0, 1)
        hole = np.clip((PUPIL_RADIUS * column(pupil) - distance) * self.texels + 0.5, 0, 1)
        colour = white + (iris - white) * edge[..., None]
        colour *= (1.0 - 0.92 * hole)[..., None]
        patch.paint(cover, colour, gloss=0.55, glow=0.25)
        light = np.array(p.light)
        glint = stroke(np.hypot(eye_across - side * light[0] * 0.035, eye_down - light[1] * 0.042), 0.019)
        patch.paint(np.clip(1.25 * glint, 0, 1) * cover, GLINT, glow=0.9)

    def _iris(self, distance, eye_down, radius):
        rim = ramp(0.70, 1.0, distance / radius)
        lower_light = 0.30 * np.clip(eye_down / radius, -0.4, 1.0)
        return np.array(self.portrait.iris, F32) * (1.05 + lower_light - 0.62 * rim)[..., None]

    def _lashes(self, patch, along, down, upper, lower, blink):
        p = self.portrait
        span = ramp(1.12, 0.92, np.abs(along + 0.02))
        wing = (0.008 + 0.012 * p.lashes) * (0.75 + 0.45 * np.clip(along, -0.6, 1.0))
        patch.paint((0.60 + 0.35 * p.lashes) * stroke(down - upper + 0.004, wing) * span, LASH, gloss=0.0, glow=0.0)
        patch.paint((0.16 + 0.2 * p.lashes) * stroke(down - lower - 0.004, 0.010) * span * (1.0 - blink), LASH * 2.2)
        patch.shade(0.16 * stroke(down - lower - 0.045, 0.018) * span)


def _brow_hairs(rng, x, y):
    """Fine hairs that lean outwards, -1..1."""
    lean = np.abs(x) + 0.55 * (y - BROW_Y)
    knots = np.linspace(-0.5, 1.5, 240)
    return np.interp(lean + 0.004 * rng.normal(0.0, 1.0, x.shape), knots, rng.uniform(-1.0, 1.0, 240)).astype(F32)
