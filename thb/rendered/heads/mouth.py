"""Lips, teeth, tongue and the dark between them, painted on the sheet for each frame."""

import numpy as np

from thb.rendered.heads.fields import F32, noise, power, ramp, stroke
from thb.rendered.heads.patches import Patch, column, still_of
from thb.rendered.heads.skin import BUMP_Y, INSIDE_MOUTH, MOUTH_Y, mouth_bend

MOUTH_WINDOW = (0.92, 0.44, 0.92)  # angle, top, bottom
SPREAD = 0.16  # how much wider a spread mouth is
SEAM_END = 1.06  # of half its width: where the line between the lips ends, and with it all of the mouth
TEETH, TONGUE, THROAT = (
    np.array(colour, F32) for colour in ((0.90, 0.87, 0.81), (0.62, 0.27, 0.27), (0.13, 0.04, 0.045))
)


class Mouth:
    """Lips, teeth, tongue and the dark between them."""

    def __init__(self, portrait, grid, sheet, look):
        self.portrait, self.look = portrait, look
        rows, cols = grid.window(*MOUTH_WINDOW)
        rng = np.random.default_rng((portrait.seed, 3))
        high, wide = rows.stop - rows.start, cols.stop - cols.start
        creases = noise(rng, (high, wide), 2, wide / 2.2)
        reached = np.flatnonzero((np.abs(grid.x[rows, cols]) < _reach(portrait)).any(axis=0))
        part = slice(reached[0], reached[-1] + 1)
        self.window = rows, slice(cols.start + part.start, cols.start + part.stop)
        self.still = still_of(sheet, self.window)
        self.texels = grid.per_height
        self.x, self.y, self.creases = grid.x[self.window], grid.y[self.window], creases[:, part]

    def paint(self, motion, frames) -> Patch:
        """The window for a slice of frames."""
        opened, wide = column(motion.mouth_open[frames]), column(motion.mouth_wide[frames])
        patch = Patch.of(self.still, len(opened))
        lines = self._contours(opened, wide)
        self._interior(patch, lines, opened)
        self._lips(patch, lines, opened)
        return patch

    def _contours(self, opened, wide):
        """Across (-1..1), arch, then four curves: the upper lip's top and bottom, the lower lip's."""
        p = self.portrait
        half = p.mouth_width * (1.0 + SPREAD * wide - 0.10 * opened + 0.05 * p.smile)
        along = self.x / half
        arch = np.maximum(1.0 - along * along, 0.0)
        spread = 1.0 - 0.14 * wide
        centre = MOUTH_Y - mouth_bend(p) * (along * along - 0.35) + 0.008 * p.asymmetry * along
        bow = 1.0 + 0.24 * stroke(np.abs(along) - 0.26, 0.20) - 0.16 * stroke(along, 0.13)
        gap = opened * power(arch, 0.75)
        inner_top = centre - 0.022 * gap + 0.004 * stroke(along, 0.2)
        inner_bottom = centre + 0.165 * gap + 0.002
        outer_top = inner_top - p.lip_upper * spread * power(arch, 0.85) * bow
        outer_bottom = inner_bottom + p.lip_lower * spread * (1.0 - 0.18 * opened) * power(arch, 0.70)
        return along, arch, outer_top, inner_top, inner_bottom, outer_bottom

    def _interior(self, patch, lines, opened):
        along, arch, _, inner_top, inner_bottom, _ = lines
        y = self.y
        hole = (
            np.clip(np.minimum(y - inner_top, inner_bottom - y) * self.texels + 0.5, 0, 1)
            * ramp(0.0, 0.06, opened)
            * (arch > 0)
        )
        patch.paint(hole, THROAT, gloss=0.3)
        tongue = ramp(0.055, 0.0, inner_bottom - y) * ramp(0.75, 0.35, np.abs(along)) * ramp(0.10, 0.45, opened)
        patch.paint(hole * tongue * 0.8, TONGUE * 0.85, gloss=0.5)
        self._teeth(patch, hole, along, y - inner_top, 0.064, opened)
        if self.look.teeth_rows > 1.0:
            strength = min(self.look.teeth_rows - 1.0, 1.0)
            self._teeth(patch, hole * strength, along * 1.13 + 0.05, y - inner_top - 0.070, 0.050, opened)
        self._teeth(patch, hole * 0.75, along, inner_bottom - y, 0.020, ramp(0.45, 0.9, opened))
        inside = patch.sheet[INSIDE_MOUTH]
        np.maximum(inside, hole, out=inside)

    def _teeth(self, patch, hole, along, below, length, opened):
        """A row `length` long, hanging from where `below` is 0, shaded towards the corners."""
        shown = ramp(0.02, 0.14, opened)
        if not shown.any():
            return
        row = np.clip((length - below) * self.texels + 0.5, 0, 1) * np.clip(below * self.texels + 1.0, 0, 1)
        row = row * ramp(0.88, 0.62, np.abs(along)) * shown
        gaps = 0.16 * stroke((along * 4.2) % 1.0 - 0.5, 0.10)
        tone = (1.0 - 0.45 * along * along - gaps) * (0.74 + 0.26 * ramp(0.0, 0.03, below))
        patch.paint(hole * row, TEETH[:, None, None, None] * tone, gloss=0.6)

    def _lips(self, patch, lines, opened):
        p = self.portrait
        along, arch, outer_top, inner_top, inner_bottom, outer_bottom = lines
        y, soft = self.y, 0.75 * self.texels
        upper = np.clip(np.minimum(y - outer_top, inner_top - y) * soft + 0.5, 0, 1) * ramp(0.0, 0.12, arch)
        lower = np.clip(np.minimum(y - inner_bottom, outer_bottom - y) * soft + 0.5, 0, 1) * ramp(0.0, 0.12, arch)
        colour = np.array(p.lip_colour, F32)
        grain = 1.0 + 0.035 * self.creases
        deep = (0.80 + 0.10 * ramp(0.0, p.lip_upper, inner_top - y)) * grain
        patch.paint(upper * 0.92, colour[:, None, None, None] * deep, gloss=0.6, flat=0.8)
        level = (y - inner_bottom) / p.lip_lower
        full = (0.88 + 0.16 * stroke(level - 0.45, 0.35)) * grain
        patch.paint(lower * 0.92, colour[:, None, None, None] * full, gloss=1.0 + 0.5 * p.lashes, flat=0.8)
        patch.sheet[BUMP_Y] -= 0.55 * lower * (level - 0.45) + 0.25 * upper
        seam = stroke(y - inner_top - 0.003, 0.010) * ramp(SEAM_END, 0.92, np.abs(along)) * ramp(0.10, 0.0, opened)
        patch.paint(0.75 * seam, colour * 0.38, flat=0.0)
        inside = patch.sheet[INSIDE_MOUTH]
        np.maximum(inside, np.maximum(upper, lower), out=inside)


def _reach(p):
    """How far from the middle a mouth is painted when it is widest."""
    return SEAM_END * p.mouth_width * (1.0 + SPREAD + 0.05 * p.smile)
