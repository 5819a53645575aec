"""Hair: a second shell round the skull, with strands, a hairline and ends of its own."""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from thb.rendered.heads.fields import F32, curve, fractal, look_up, noise, ramp, sample_near
from thb.rendered.heads.hair_styles import STYLES
from thb.rendered.heads.layers import Layers, Strands
from thb.rendered.heads.patches import sampled, textures_of
from thb.rendered.heads.shading import bent, finish
from thb.rendered.heads.shells import (
    Place,
    Shell,
    a_frame,
    make_shell,
    shell_window,
    spanned,
    surface,
    to_local,
    trace,
    window_of,
)
from thb.rendered.heads.skin import BUMP_X, BUMP_Y, CHANNELS, FACE_DEPTH, GLOSS, RED_GREEN_BLUE
from thb.rendered.truth import HAIR

COVER = 6  # the sheet's channel for how much hair there is
TEXELS_PER_PIXEL = 1.25
ANGLE_REACH = 2.4
SHEET_TOP = -1.45
ROUGH_TEXELS, ROUGH_PER_UNIT = 320, 80.0
LOCKS_REACH, LOCKS_PER_UNIT = 3.0, 500.0
CUT_TO = 0.05  # where a hair_cut of 1 truncates


class Locks:
    """Locks and gaps that eat into the silhouette."""

    def __init__(self, rng, style):
        gaps = fractal(rng, (ROUGH_TEXELS, ROUGH_TEXELS), 9 if style.curl < 0.4 else 24, 2)
        rough = F32(0.7 * style.frizz) * np.maximum(1.0 - gaps, 0.0)
        self.tile = np.concatenate([rough, rough[: ROUGH_TEXELS // 2]])  # the shell hangs lower than one tile
        self.most = float(rough.max())

    def at(self, x, y):
        """How far, at local points [N], in half head heights."""
        rows, cols = (((part + 2.0) * ROUGH_PER_UNIT).astype(np.intp) for part in (y, x))
        return self.tile.take(rows * ROUGH_TEXELS + cols, mode="clip")


class Hair:
    """One person's hair, ready to be worn: a shell, its sheet, and how dark it is behind the neck."""

    def __init__(self, portrait, pixels_per_unit, look, light):
        self.portrait, self.light = portrait, light
        self.style = _adapted(STYLES[portrait.hair_style], portrait.hair_volume)
        self.shell = _shell(portrait, self.style)
        self.per_height = pixels_per_unit * TEXELS_PER_PIXEL
        self.per_angle = self.per_height * 0.78
        rng = np.random.default_rng((portrait.seed, 4))
        self.part = 0.45 * self.style.parted * portrait.hair_part
        self.rough = Locks(rng, self.style)
        self.colour = np.array(portrait.hair_colour, F32)
        self.cut = self.style.length - look.hair_cut * max(self.style.length - CUT_TO, 0.0)
        self._grow(rng, look)

    def texel(self, angle, height):
        """Sheet coordinates (u, v) of a point of the shell."""
        return (angle + ANGLE_REACH) * F32(self.per_angle), (height - SHEET_TOP) * F32(self.per_height)

    def ends(self, x, y):
        """0..1: how much of the curtain behind the neck is left at a height."""
        left = ramp(0.010, -0.010, y - self.style.length - F32(self.style.ragged) * self.lock(x))
        return left * (y < self.cut) if self.cut < self.style.length else left

    def lock(self, x):
        """How far the lock at `x` hangs lower than others, -1..1."""
        return look_up(self.locks, (x + LOCKS_REACH) * LOCKS_PER_UNIT)

    def meet(self, layers: Layers, places: Sequence[Place]) -> Strands | None:
        """What is seen of the hair in front."""
        window = spanned(shell_window(self.shell, place, layers.size, last=self.last) for place in places)
        if window is None:
            return None
        hit = trace(self.shell, places, *to_local(places, window, layers.size), layers.size, rough=self.rough)
        at, pixels, frames = layers.chosen(window, hit.cover > 0.0)
        seen = surface(self.shell, places, hit, at, frames)
        u, v = self.texel(seen.angle, seen.height)
        some = np.flatnonzero(sample_near(self.near, u, v))
        at, pixels, normal = at[some], pixels[some], [part[some] for part in seen.normal]
        red, green, blue, over_x, over_y, gloss, cover, _ = sampled(self.textures, u[some], v[some])
        leaning = bent(normal, over_x, over_y)
        colour = self.light.diffuse(leaning, self.light.plain)
        shine = 0.34 * self.light.strand_shine(leaning) * gloss + 0.10 * self.light.rim(normal)
        for channel, own, glint in zip(colour, (red, green, blue), 0.30 + 0.9 * self.colour, strict=True):
            channel *= own
            channel += shine * glint
        return Strands(window, hit, at, pixels, finish(colour), cover * hit.cover.ravel()[at])

    def lay_behind(self, layers: Layers, strands: Strands, places: Sequence[Place]):
        """Draw the curtain behind the neck, and the bun."""
        if self.style.behind:
            hit = strands.hit
            wanted = (hit.cover > 0.0) & layers.free[layers.window(strands.window)]
            at, pixels, _ = layers.chosen(strands.window, wanted)
            x, y, cover = (part.ravel()[at] for part in (hit.local_x, hit.local_y, hit.cover))
            dark = self.colour[:, None] * (0.46 + 0.10 * self.lock(x * 2.0))
            layers.lay(pixels, self.ends(x, y) * cover, dark, HAIR)
        if self.style.bun:
            self._lay_bun(layers, places)

    def _lay_bun(self, layers, places):
        radius = self.style.bun
        left, y0, reach = [-0.25 * math.sin(place.yaw) for place in places], -1.02 - radius * 0.45, 1.1 * radius
        window = spanned(
            window_of(place, x0 - reach, x0 + reach, y0 - reach, y0 + reach, layers.size)
            for place, x0 in zip(places, left, strict=True)
        )
        if window is None:
            return
        x, y = to_local(places, window, layers.size)
        x, y = (x - a_frame(left)) * (1.0 / radius), (y - y0) * (1.0 / radius)
        distance = (1.0 - np.sqrt(x * x + 1.2544 * y * y)) * a_frame(
            radius * place.unit * layers.size for place in places
        )
        cover = np.clip(distance + 0.5, 0.0, 1.0)
        at, pixels, _ = layers.chosen(window, (cover > 0.0) & layers.free[layers.window(window)])
        x, y = x.ravel()[at], y.ravel()[at]
        normal = (x, y, np.sqrt(np.maximum(1.0 - x * x - y * y, F32(0.02))))
        squared = np.maximum(x * x + y * y, F32(1e-6))
        turns = 9.0 * np.sqrt((x - 0.2) * (x - 0.2) + (y + 0.1) * (y + 0.1))
        wound = (np.sin(turns) * (x * x - y * y) + np.cos(turns) * (2.0 * x * y)) / squared  # turns + twice the angle
        colour = self.light.diffuse(normal, self.light.plain) * (0.86 + 0.16 * wound)
        layers.lay(pixels, cover.ravel()[at], colour * self.colour[:, None], HAIR)

    def _grow(self, rng, look):
        bottom = self.style.length + 3.0 * self.style.ragged + 0.1
        rows = int((bottom - SHEET_TOP) * self.per_height)
        cols = int(2 * ANGLE_REACH * self.per_angle)
        angle = np.arange(cols, dtype=F32)[None, :] / F32(self.per_angle) - F32(ANGLE_REACH)
        y = np.arange(rows, dtype=F32)[:, None] / F32(self.per_height) + F32(SHEET_TOP)
        at = np.arange(-LOCKS_REACH, LOCKS_REACH, 1.0 / LOCKS_PER_UNIT)
        self.locks = np.interp(at, np.linspace(-2.6, 2.6, 60), rng.uniform(-1.0, 1.0, 60)).astype(F32)
        ends_rng, strands_rng = rng.spawn(2)  # the outline stays the same at every size
        strand, clump = self._strands(strands_rng, (rows, cols), angle, y, look)
        sheet = np.zeros((rows, cols, CHANNELS), F32)
        sheet[..., RED_GREEN_BLUE] = self._colours(y, strand, clump)
        curl, sheer = self.style.curl, self.style.sheer
        sheet[..., BUMP_X] = (0.22 + 0.30 * curl) * clump + 0.16 * strand
        sheet[..., BUMP_Y] = 0.45 * curl * np.roll(clump, 3, axis=1)
        dull = (1.0 - 0.72 * curl) * (0.55 + 0.45 * sheer**4)  # coils and stubble scatter the light
        sheet[..., GLOSS] = dull * np.clip(0.75 + 0.5 * strand, 0, 1.3)
        sheet[..., COVER] = self._cover(ends_rng, angle, y, strand)
        self.textures = textures_of(sheet)
        self.near = cv2.dilate((sheet[..., COVER] > 0.0).astype(np.uint8), np.ones((3, 3), np.uint8))
        self.last = float(y[np.flatnonzero(sheet[..., COVER].any(axis=1))[-1], 0]) + 1.0 / self.per_height
        if self.style.behind:
            self.last = max(self.last, self.style.length + self.style.ragged + 0.01)

    def _strands(self, rng, shape, angle, y, look):
        """Fine strands and broader clumps, each about -1..1, laid along the way the hair is combed."""
        s = self.style
        drift = noise(rng, shape, 9, 14)
        phase = 1.3 * np.sin(3.0 * angle) + 5.0 * s.curl * noise(rng, shape, 5, 12)
        waves = s.wave * np.sin(s.wave_rate * y + phase) * np.maximum(ramp(-0.7, 0.3, y), s.curl)
        near_crown = 1.0 - np.tanh(np.maximum(y + 1.08, 0.05) / 0.55)
        combed = (angle - self.part) / (1.0 - s.sweep * near_crown) + waves  # strands spread from the parting
        clumps = _strand_noise(rng, combed, 6.0) * 0.6 + _strand_noise(rng, combed, 13.0) * 0.5
        fine = _strand_noise(rng, combed, self.per_angle / 2.6)
        coils = _coils(rng, shape, self.per_height)
        keep = 1.0 - 0.6 * look.skin_smooth
        straight, coiled = 1.0 - s.curl, s.curl
        strand = keep * (straight * (0.75 * fine + 0.35 * drift) + coiled * coils)
        return strand.astype(F32), (straight * clumps + coiled * np.roll(coils, 2, axis=0)).astype(F32)

    def _colours(self, y, strand, clump):
        """Darker roots and depths, lighter lengths."""
        tone = 0.90 + 0.17 * strand + 0.13 * clump + 0.12 * ramp(-0.4, 1.2, y)
        warm = np.array((1.04, 1.0, 0.95), F32) ** (1.5 * np.clip(clump, -1, 1))[..., None]
        return self.colour * np.maximum(tone, 0.25)[..., None] * warm

    def _cover(self, rng, angle, y, strand):
        """How much hair each texel holds, 0..1: above the hairline or beside the face, and over the ends."""
        s = self.style
        jitter = s.ragged * (_strand_noise(rng, angle, 4.0) * 0.7 + _strand_noise(rng, angle, 26.0) * 0.45)
        window = curve(y, *np.array(s.opening).T, soften=0.08)
        above = self._hairline(angle) + jitter - y
        beside = (np.abs(angle) - window) * self.shell.width_at(y) + 0.5 * jitter
        below = s.length + 1.4 * jitter - y
        inside = np.minimum(np.maximum(above, beside), below) * self.per_height
        crispness = (0.55 if s.sheer < 1 else 0.8) * (0.5 if s.ragged < 0.03 else 1.0)
        cover = np.clip(crispness * inside + 0.5 + 0.25 * strand, 0.0, 1.0)
        thin = s.sheer - (1.0 - s.sheer) * 0.8 * np.clip(strand, -1, 1)
        cut = y < self.cut if self.cut < s.length else 1.0
        return cover * np.clip(thin, 0.0, 1.0) * cut

    def _hairline(self, angle):
        """Height of the hairline at each angle; a swoop hangs lower on the parting's side."""
        side = np.sign(self.portrait.hair_part) * angle
        swoop = self.style.swoop * np.sin(np.clip(1.6 * side, -np.pi / 2, np.pi / 2)) * ramp(1.2, 0.7, np.abs(angle))
        return curve(np.abs(angle - self.part), *np.array(self.style.hairline).T) + swoop


def make_hair(portrait, pixels_per_unit, look, light):
    """The portrait's hair, or None where there is none."""
    return None if portrait.hair_style == "bald" else Hair(portrait, pixels_per_unit, look, light)


def _adapted(style, volume):
    return replace(style, top=style.top * volume, side=style.side * (0.5 + 0.5 * volume))


def _shell(portrait, style) -> Shell:
    top, side = style.top, style.side
    skull = (
        (-1.0, 0.0),
        (-0.945, 0.275),
        (-0.75, 0.51),
        (-0.38, portrait.temple),
        (0.0, portrait.temple + 0.012),
    )
    knots = [
        (y * (1.0 + top * (-y) ** 0.5), w * (1.0 + 0.35 * top) + side * min(1.0, 1.35 * w / portrait.temple))
        for y, w in skull
    ]
    knots[0] = (-1.0 - top, 0.0)
    fall = [(y, w) for y, w in style.fall]
    return make_shell(
        [*knots, *fall, (max(fall[-1][0] + 0.15, style.length + 0.35), 0.0)],
        FACE_DEPTH,
        ((-1.2, -0.05), (0.0, -0.03), (1.0, -0.05)),
        soften=0.05,
    )


def _strand_noise(rng, at, per_unit):
    """Noise of one coordinate, `per_unit` bumps per radian."""
    knots = np.arange(int(10 * per_unit)) / per_unit - 5.0
    return np.interp(at, knots, rng.uniform(-1.0, 1.0, len(knots))).astype(F32)


def _coils(rng, shape, per_height):
    """Ridged noise that reads as coils."""
    cells = shape[0] / per_height * 15.0
    ridges = 0.8 - 1.9 * np.abs(noise(rng, shape, cells, cells * shape[1] / shape[0]))
    return 0.6 * ridges + 0.5 * noise(rng, shape, cells * 2.1, cells * 2.1 * shape[1] / shape[0])
