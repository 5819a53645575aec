"""Draws a portrait in motion, back to front: hair behind, body, ears, head, hair; each has its own pose."""

from dataclasses import dataclass

import numpy as np

from thb.rendered.heads.backgrounds import paint_background
from thb.rendered.heads.clothes import paint_body
from thb.rendered.heads.ears import Ears
from thb.rendered.heads.eyes import EyeBand
from thb.rendered.heads.fields import F32, sample, sample_near
from thb.rendered.heads.hair import COVER, make_hair
from thb.rendered.heads.motion import Motion, Pose
from thb.rendered.heads.mouth import Mouth
from thb.rendered.heads.portraits import Portrait
from thb.rendered.heads.shading import Light, bent, finish, vignette
from thb.rendered.heads.shells import PARALLAX_STEPS, Place, jaw_drop, project, to_local, trace
from thb.rendered.heads.skin import (
    BROW_Y,
    BUMP_X,
    BUMP_Y,
    CHIN_Y,
    EYE_Y,
    GLOSS,
    GLOW,
    INSIDE_MOUTH,
    MOUTH_Y,
    NOSE_Y,
    RED_GREEN_BLUE,
    head_shell,
    make_grid,
    make_sheet,
)
from thb.rendered.truth import FACE, HAIR, MOUTH, NECK

NECK_LEAN, NECK_REACH = 0.3, 0.5  # half head heights: per radian of roll, and at most
CHUNK = 8  # frames whose eyes and mouths are painted together


@dataclass(frozen=True)
class Look:
    """What a faulty generator may change in the drawing; the defaults draw faithfully."""

    teeth_rows: float = 1.0  # 2 = a second row of teeth
    lens_opacity: float | None = None  # overrides dark glasses' opacity: eyes show through
    hair_cut: float = 0.0  # 0..1: hair truncated at some height
    skin_smooth: float = 0.0  # 0..1: fine skin and strands wiped away
    iris_shift: float = 0.0  # -1..1: the eyes diverge (positive) or cross


@dataclass
class Rendered:
    """A drawn clip, T frames of side S."""

    rgb: np.ndarray  # float32 [T, S, S, 3], 0..1, display space
    regions: np.ndarray  # uint8 [T, S, S], the codes above
    plate: np.ndarray  # float32 [S, S, 3], the bare background
    alpha: np.ndarray  # float32 [T, S, S], head + hair + body
    box: np.ndarray  # float32 [T, 4], face x0 y0 x1 y1, pixels
    landmarks: np.ndarray  # float32 [T, 5, 2], image-left eye, other eye, nose tip, mouth corners, pixels


def render(portrait: Portrait, motion: Motion, size: int, look: Look = Look()) -> Rendered:
    """Draw every frame of a motion; the same portrait, motion and look always give the same bytes."""
    return Figure(portrait, size, look).draw(motion)


class Layers:
    """One frame being composed, back to front, on flat pixels."""

    def __init__(self, rgb, alpha, regions):
        self.rgb, self.alpha, self.regions = rgb.reshape(-1, 3), alpha.reshape(-1), regions.reshape(-1)

    def lay(self, index, cover, colour, code):
        """Put colour [N, 3] over pixels `index` [N] as far as `cover` [N]; `code` is one region, or [N]."""
        under = self.rgb.take(index, axis=0)
        under += (colour - under) * cover[:, None]
        self.rgb[index] = under
        before = self.alpha.take(index)
        self.alpha[index] = before + (1.0 - before) * cover
        solid = cover > 0.5
        self.regions[index[solid]] = code if np.isscalar(code) else code[solid]


class Figure:
    """A portrait prepared at one size: everything that does not change from frame to frame."""

    def __init__(self, portrait: Portrait, size: int, look: Look):
        self.portrait, self.size, self.look = portrait, size, look
        self.light = Light(portrait)
        self.unit = 0.5 * portrait.size
        pixels_per_unit = self.unit * size
        self.shell = head_shell(portrait)
        self.grid = make_grid(self.shell, pixels_per_unit)
        self.sheet, self.relief = make_sheet(portrait, self.grid, look.skin_smooth)
        self.eyes = EyeBand(portrait, self.grid, self.sheet, look)
        self.mouth = Mouth(portrait, self.grid, self.sheet, look)
        self.hair = make_hair(portrait, pixels_per_unit, look)
        self.ears = Ears(portrait, self.shell, self.light, pixels_per_unit)
        self.canvas, self.body = paint_body(portrait, self.light, pixels_per_unit)
        self.vignette = vignette(size)
        self.plate = finish(paint_background(portrait, size) * self.vignette).astype(F32)
        axis = (np.arange(size, dtype=F32) + F32(0.5)) / F32(size)
        self.fx, self.fy = np.meshgrid(axis, axis)

    def draw(self, motion: Motion) -> Rendered:
        """All frames."""
        count, size = len(motion.blink), self.size
        rgb = np.repeat(self.plate[None], count, axis=0)
        alpha = np.zeros((count, size, size), F32)
        regions = np.zeros((count, size, size), np.uint8)
        for first in range(0, count, CHUNK):
            frames = slice(first, min(first + CHUNK, count))
            eyes, mouths = self.eyes.paint(motion, frames), self.mouth.paint(motion, frames)
            for t in range(frames.start, frames.stop):
                self.sheet[self.eyes.window], self.sheet[self.mouth.window] = (
                    eyes[t - first],
                    mouths[t - first],
                )
                self._frame(Layers(rgb[t], alpha[t], regions[t]), motion, t)
        box, landmarks = self._marks(motion)
        return Rendered(rgb, regions, self.plate, alpha, box, landmarks)

    def place(self, pose: Pose, t: int) -> Place:
        """A pose of one frame, in frame fractions."""
        p, unit = self.portrait, self.unit * float(pose.scale[t])
        x, y = p.center_x + float(pose.x[t]), p.center_y + float(pose.y[t])
        return Place(x, y, unit, float(pose.yaw[t]), float(pose.pitch[t]), float(pose.roll[t]))

    def _frame(self, layers: Layers, motion: Motion, t: int):
        head, hair, body = (self.place(pose, t) for pose in (motion.head, motion.hair, motion.body))
        strands = self._meet_hair(hair)
        if strands and self.hair is not None:
            self._hair_behind(layers, self.hair, strands[0], hair)
        self._lay_body(layers, body, head)
        self.ears.lay(layers, head, self.fx, self.fy, behind=True, code=FACE)
        self._lay_head(layers, head, float(motion.mouth_open[t]), strands)
        self.ears.lay(layers, head, self.fx, self.fy, behind=False, code=FACE)
        if strands:
            hit, colour, cover = strands
            layers.lay(hit.pixels, cover, colour, HAIR)

    # --- hair ---

    def _meet_hair(self, place):
        """Pixels of the hair in front: (hit, colour [N, 3], cover [N]), or None for a bald head."""
        if self.hair is None:
            return None
        x, y = to_local(place, self.fx, self.fy)
        hit = trace(self.hair.shell, place, x, y, self.size, rough=self.hair.roughness)
        texel = sample(self.hair.sheet, *self.hair.texel(hit.angle, hit.height))
        normal = bent(hit.normal, texel[:, BUMP_X], texel[:, BUMP_Y])
        colour = texel[:, RED_GREEN_BLUE] * self.light.diffuse(normal, self.light.plain)
        shine = 0.34 * self.light.strand_shine(normal) * texel[:, GLOSS] + 0.10 * self.light.rim(hit.normal)
        colour += shine[:, None] * (0.30 + 0.9 * self.hair.colour)
        return hit, finish(colour), texel[:, COVER] * hit.cover

    def _hair_behind(self, layers, hair, hit, place):
        if hair.style.behind:
            left = hair.ends(hit.local_x, hit.local_y) * hit.cover
            stripes = np.interp(hit.local_x * 2.0, hair.lock_at, hair.lock).astype(F32)
            dark = hair.colour * (0.46 + 0.10 * stripes)[:, None]
            layers.lay(hit.pixels, left, dark, HAIR)
        if hair.style.bun:
            self._lay_bun(layers, hair, place)

    def _lay_bun(self, layers, hair, place):
        x, y = to_local(place, self.fx, self.fy)
        radius = hair.style.bun
        x, y = x + 0.25 * np.sin(place.yaw), y + 1.02 + radius * 0.45
        distance = (radius - np.hypot(x, y * 1.12)) * place.unit * self.size
        index = np.flatnonzero(distance > -1.0)
        x, y = x.ravel()[index] / radius, y.ravel()[index] / radius
        z = np.sqrt(np.maximum(1.0 - x * x - y * y, 0.02))
        wound = np.sin(9.0 * np.hypot(x - 0.2, y + 0.1) + 2.0 * np.arctan2(y, x)).astype(F32)
        normal = (x, y, z)
        colour = hair.colour * self.light.diffuse(normal, self.light.plain) * (0.86 + 0.16 * wound)[:, None]
        layers.lay(index, np.clip(distance.ravel()[index] + 0.5, 0, 1), colour, HAIR)

    # --- body ---

    def _lay_body(self, layers, body, head):
        first = max(int((body.y + 0.25 * body.unit) * self.size), 0)
        x, y = to_local(body, self.fx[first:], self.fy[first:])
        lean = NECK_LEAN * (head.roll - body.roll)  # the top of the neck goes where the head is
        pull = np.clip((head.x - body.x) / body.unit + lean, -NECK_REACH, NECK_REACH)
        x = x.ravel() - F32(pull) * np.clip((1.25 - y.ravel()) * 2.0, 0.0, 1.0)
        texel = sample(self.body, *self.canvas.texel(x * F32(1.0 / np.cos(body.yaw)), y.ravel()))
        seen = np.flatnonzero(texel[:, 3] > 0.0)
        texel = texel[seen]
        colour = texel[:, :3] * self._chin_shadow(head, seen + first * self.size)[:, None]
        layers.lay(seen + first * self.size, texel[:, 3], finish(colour), NECK)

    def _chin_shadow(self, head, index):
        x, y = to_local(head, self.fx.ravel()[index], self.fy.ravel()[index])
        x = (x + 0.20 * self.light.key[0]) / 0.66
        y = (y - 0.86) / 0.34
        return 1.0 - 0.58 * np.exp(-((x * x) ** 2) - y * y)

    # --- head ---

    def _lay_head(self, layers, place, opened, strands):
        x, y = to_local(place, self.fx, self.fy)
        y = y - jaw_drop(y, opened)
        hit = trace(self.shell, place, x, y, self.size)
        texel = sample(self.sheet, *self.grid.texel(*self._over_relief(hit, place)))
        normal = bent(hit.normal, texel[:, BUMP_X], texel[:, BUMP_Y])
        factor = self.light.diffuse(normal, self.light.skin)
        factor += (1.0 - factor) * texel[:, GLOW, None]
        if strands:
            factor *= self._hair_shadow(hit, strands)[:, None]
        shine = self.light.shine(normal) * texel[:, GLOSS] + 0.10 * self.light.rim(hit.normal)
        colour = texel[:, RED_GREEN_BLUE] * factor
        colour += shine[:, None]
        code = np.where(texel[:, INSIDE_MOUTH] > 0.5, MOUTH, FACE).astype(np.uint8)
        layers.lay(hit.pixels, hit.cover, finish(colour), code)

    def _over_relief(self, hit, place):
        """(angle, height) on the sheet that a pixel sees, now that nose and sockets leave the shell."""
        angle, height = hit.angle, hit.height
        reach = np.maximum(np.cos(angle + F32(place.yaw)), 0.3) * 0.62
        per_angle, per_height = F32(np.sin(place.yaw)) / reach, F32(np.sin(place.pitch))
        for _ in range(PARALLAX_STEPS):
            lift = sample_near(self.relief, *self.grid.texel(angle, height))
            angle, height = hit.angle - per_angle * lift, hit.height - per_height * lift
        return angle, height

    def _hair_shadow(self, hit, strands):
        """Soft shadow that the hair in front throws on the face just below it [N]."""
        over = np.zeros(self.size * self.size, F32)
        over[strands[0].pixels] = strands[2]
        shadow, step = 0.0, self.size / 128.0
        aside = -0.5 * np.sign(self.light.key[0])
        for down, weight in ((1.0, 0.10), (2.0, 0.09), (3.2, 0.08), (4.6, 0.07), (6.2, 0.06)):
            shift = round(down * step) * self.size + round(aside * down * step)
            shadow = shadow + weight * over.take(np.maximum(hit.pixels - shift, 0))
        return 1.0 - shadow

    # --- marks ---

    def _marks(self, motion):
        """Face boxes [T, 4] and landmarks [T, 5, 2], in pixels."""
        places = [self.place(motion.head, t) for t in range(len(motion.blink))]
        found = [self._mark(place, float(opened)) for place, opened in zip(places, motion.mouth_open, strict=True)]
        boxes = np.array([box for box, _ in found], F32).reshape(-1, 4)
        marks = np.array([mark for _, mark in found], F32).reshape(-1, 5, 2)
        return boxes * self.size, marks * self.size

    def _mark(self, place, opened):
        p = self.portrait
        points = (
            (-p.eye_x, EYE_Y, 0.0),
            (p.eye_x, EYE_Y, 0.0),
            (0.0, NOSE_Y - 0.045 + p.nose_length, p.nose_height),
            (-p.mouth_width, MOUTH_Y, 0.03),
            (p.mouth_width, MOUTH_Y, 0.03),
        )
        marks = [project(self.shell, place, x, y, lift, opened) for x, y, lift in points]
        ring = [(-0.66, 0.1), (0.66, 0.1), (0.0, BROW_Y - 0.16), (0.0, CHIN_Y - 0.01)]
        edge = np.array([project(self.shell, place, x, y, 0.0, opened) for x, y in ring] + marks)
        return (*edge.min(axis=0), *edge.max(axis=0)), marks
