"""Draws a portrait in motion, back to front: hair behind, body, ears, head, hair; each has its own pose."""

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np

from thb.rendered.heads.backgrounds import paint_background
from thb.rendered.heads.clothes import paint_body
from thb.rendered.heads.ears import Ears
from thb.rendered.heads.eyes import EyeBand
from thb.rendered.heads.fields import F32, planes, sample
from thb.rendered.heads.hair import Hair, make_hair
from thb.rendered.heads.motion import Motion, Pose
from thb.rendered.heads.mouth import Mouth
from thb.rendered.heads.patches import textures_of
from thb.rendered.heads.portraits import Portrait
from thb.rendered.heads.shading import Light, bent, finish, vignette
from thb.rendered.heads.shells import (
    PARALLAX_STEPS,
    Hit,
    Place,
    Window,
    jaw_drop,
    project,
    shell_window,
    to_local,
    trace,
    window_of,
)
from thb.rendered.heads.skin import BROW_Y, CHIN_Y, EYE_Y, MOUTH_Y, NOSE_Y, head_shell, make_grid, make_sheet
from thb.rendered.truth import FACE, HAIR, MOUTH, NECK

NECK_LEAN, NECK_REACH = 0.3, 0.5  # half head heights: per radian of roll, and at most
HAIR_SHADOW = ((1.0, 0.10), (2.0, 0.09), (3.2, 0.08), (4.6, 0.07), (6.2, 0.06))  # px down at side 128, how dark
TURNS = ("yaw", "pitch", "roll")
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
    """One frame being composed, back to front, in planes."""

    def __init__(self, plate, alpha, regions):
        self.rgb, self.alpha, self.regions = plate.copy(), alpha, regions
        self.size = len(alpha)

    def lay(self, window, cover, colour, code):
        """Put colour [3, h, w] over a window as far as `cover` [h, w]; `code` is one region, or [h, w]."""
        under, before = self.rgb[:, *window], self.alpha[window]
        under += (colour - under) * cover
        before += (1.0 - before) * cover
        np.copyto(self.regions[window], code, where=cover > 0.5)


@dataclass
class Strands:
    """The hair in front in one frame: what it shows in a window, and how much of that it covers."""

    window: Window
    hit: Hit
    colour: np.ndarray  # [3, h, w]
    cover: np.ndarray  # [h, w]


class Figure:
    """A portrait prepared at one size: everything that does not change from frame to frame."""

    def __init__(self, portrait: Portrait, size: int, look: Look):
        self.portrait, self.size, self.look = portrait, size, look
        self.light = Light(portrait)
        self.unit = 0.5 * portrait.size
        pixels_per_unit = self.unit * size
        self.shell = head_shell(portrait)
        self.grid = make_grid(self.shell, pixels_per_unit)
        sheet, relief = make_sheet(portrait, self.grid, look.skin_smooth)
        self.textures, self.relief = textures_of(sheet), np.ascontiguousarray(relief)
        self.eyes = EyeBand(portrait, self.grid, sheet, look)
        self.mouth = Mouth(portrait, self.grid, sheet, look)
        self.hair = make_hair(portrait, pixels_per_unit, look)
        self.ears = Ears(portrait, self.shell, self.light)
        self.canvas, self.body = paint_body(portrait, self.light, pixels_per_unit)
        self.plate = finish(paint_background(portrait, size) * vignette(size)).astype(F32)
        self.plate.flags.writeable = False  # every clip of this figure shows it
        self.plate_planes = planes(self.plate)

    def draw(self, motion: Motion) -> Rendered:
        """All frames."""
        count, size = len(motion.blink), self.size
        rgb = np.empty((count, size, size, 3), F32)
        alpha = np.zeros((count, size, size), F32)
        regions = np.zeros((count, size, size), np.uint8)
        for first in range(0, count, CHUNK):
            frames = slice(first, min(first + CHUNK, count))
            eyes, mouths = self.eyes.paint(motion, frames), self.mouth.paint(motion, frames)
            for t in range(frames.start, frames.stop):
                eyes.put(self.textures, self.eyes.window, t - first)
                mouths.put(self.textures, self.mouth.window, t - first)
                layers = Layers(self.plate_planes, alpha[t], regions[t])
                self._frame(layers, motion, t)
                cv2.merge(list(layers.rgb), rgb[t])
        box, landmarks = self._marks(motion)
        return Rendered(rgb, regions, self.plate, alpha, box, landmarks)

    def place(self, pose: Pose, t: int) -> Place:
        """A pose of one frame, in frame fractions."""
        p, unit = self.portrait, self.unit * float(pose.scale[t])
        x, y = p.center_x + float(pose.x[t]), p.center_y + float(pose.y[t])
        return Place(x, y, unit, float(pose.yaw[t]), float(pose.pitch[t]), float(pose.roll[t]))

    def _frame(self, layers: Layers, motion: Motion, t: int):
        head, hair, body = (self.place(pose, t) for pose in (motion.head, motion.hair, motion.body))
        strands = self._meet_hair(self.hair, hair) if self.hair is not None else None
        if strands and self.hair is not None:
            self._hair_behind(layers, self.hair, strands, hair)
        self._lay_body(layers, body, head)
        self.ears.lay(layers, head, behind=True, code=FACE)
        self._lay_head(layers, head, float(motion.mouth_open[t]), strands)
        self.ears.lay(layers, head, behind=False, code=FACE)
        if strands:
            layers.lay(strands.window, strands.cover, strands.colour, HAIR)

    # --- hair ---

    def _meet_hair(self, hair: Hair, place: Place) -> Strands | None:
        window = shell_window(hair.shell, place, self.size, last=hair.last)
        if window is None:
            return None
        hit = trace(hair.shell, place, *to_local(place, window, self.size), self.size, rough=hair.rough)
        red, green, blue, over_x, over_y, gloss, cover, _ = _sampled(hair.textures, *hair.texel(hit.angle, hit.height))
        normal = bent(hit.normal, over_x, over_y)
        colour = self.light.diffuse(normal, self.light.plain)
        shine = 0.34 * self.light.strand_shine(normal) * gloss + 0.10 * self.light.rim(hit.normal)
        for channel, own, glint in zip(colour, (red, green, blue), 0.30 + 0.9 * hair.colour, strict=True):
            channel *= own
            channel += shine * glint
        return Strands(window, hit, finish(colour), cover * hit.cover)

    def _hair_behind(self, layers, hair, strands, place):
        if hair.style.behind:
            hit = strands.hit
            left = hair.ends(hit.local_x, hit.local_y) * hit.cover
            dark = hair.colour[:, None, None] * (0.46 + 0.10 * hair.lock(hit.local_x * 2.0))
            layers.lay(strands.window, left, dark, HAIR)
        if hair.style.bun:
            self._lay_bun(layers, hair, place)

    def _lay_bun(self, layers, hair, place):
        radius = hair.style.bun
        x0, y0, reach = -0.25 * math.sin(place.yaw), -1.02 - radius * 0.45, 1.1 * radius
        window = window_of(place, x0 - reach, x0 + reach, y0 - reach, y0 + reach, self.size)
        if window is None:
            return
        x, y = to_local(place, window, self.size)
        x, y = (x - x0) * (1.0 / radius), (y - y0) * (1.0 / radius)
        distance = (1.0 - np.sqrt(x * x + 1.2544 * y * y)) * F32(radius * place.unit * self.size)
        normal = (x, y, np.sqrt(np.maximum(1.0 - x * x - y * y, F32(0.02))))
        squared = np.maximum(x * x + y * y, F32(1e-6))
        turns = 9.0 * np.sqrt((x - 0.2) * (x - 0.2) + (y + 0.1) * (y + 0.1))
        wound = (np.sin(turns) * (x * x - y * y) + np.cos(turns) * (2.0 * x * y)) / squared  # turns + twice the angle
        colour = self.light.diffuse(normal, self.light.plain) * (0.86 + 0.16 * wound)
        layers.lay(window, np.clip(distance + 0.5, 0.0, 1.0), colour * hair.colour[:, None, None], HAIR)

    # --- body ---

    def _lay_body(self, layers, body, head):
        first = max(int((body.y + 0.25 * body.unit) * self.size), 0)
        if first >= self.size:
            return
        window = slice(first, self.size), slice(0, self.size)
        x, y = to_local(body, window, self.size)
        lean = NECK_LEAN * (head.roll - body.roll)  # the top of the neck goes where the head is
        pull = min(max((head.x - body.x) / body.unit + lean, -NECK_REACH), NECK_REACH)
        x -= pull * np.clip((1.25 - y) * 2.0, 0.0, 1.0)
        texel = sample(self.body, *self.canvas.texel(x * F32(1.0 / math.cos(body.yaw)), y))
        colour = texel[:3] * self._chin_shadow(head, window)
        layers.lay(window, texel[3], finish(colour), NECK)

    def _chin_shadow(self, head, window):
        x, y = to_local(head, window, self.size)
        x = (x + 0.20 * self.light.key[0]) * (1.0 / 0.66)
        y = (y - 0.86) * (1.0 / 0.34)
        x *= x
        return 1.0 - 0.58 * np.exp(-(x * x + y * y))

    # --- head ---

    def _lay_head(self, layers, place, opened, strands):
        window = shell_window(self.shell, place, self.size, lower=jaw_drop(CHIN_Y, opened))
        if window is None:
            return
        x, y = to_local(place, window, self.size)
        hit = trace(self.shell, place, x, y - jaw_drop(y, opened), self.size)
        at = self.grid.texel(*self._over_relief(hit, place))
        red, green, blue, over_x, over_y, gloss, inside, glow = _sampled(self.textures, *at)
        normal = bent(hit.normal, over_x, over_y)
        colour = self.light.diffuse(normal, self.light.skin)
        shine = self.light.shine(normal) * gloss + 0.10 * self.light.rim(hit.normal)
        dull = 1.0 - glow
        if strands:
            shadow = self._hair_shadow(window, strands)
            dull *= shadow
            glow *= shadow
        for channel, own in zip(colour, (red, green, blue), strict=True):
            channel *= dull
            channel += glow
            channel *= own
            channel += shine
        code = np.where(inside > 0.5, np.uint8(MOUTH), np.uint8(FACE))
        layers.lay(window, hit.cover, finish(colour), code)

    def _over_relief(self, hit, place):
        """(angle, height) on the sheet that a pixel sees, now that nose and sockets leave the shell."""
        angle, height = hit.angle, hit.height
        reach = np.maximum(np.cos(angle + F32(place.yaw)), 0.3) * 0.62
        per_angle, per_height = F32(math.sin(place.yaw)) / reach, F32(math.sin(place.pitch))
        for _ in range(PARALLAX_STEPS):
            lift = sample_near(self.relief, *self.grid.texel(angle, height))
            angle, height = hit.angle - per_angle * lift, hit.height - per_height * lift
        return angle, height

    def _hair_shadow(self, window, strands):
        """Soft shadow that the hair in front throws on the face just below it [h, w]."""
        step, aside = self.size / 128.0, -0.5 * float(np.sign(self.light.key[0]))
        shifts = [(round(down * step), round(aside * down * step), weight) for down, weight in HAIR_SHADOW]
        pad = shifts[-1][0]
        over = np.zeros((self.size + pad, self.size + 2 * pad), F32)
        rows, cols = strands.window
        over[rows.start + pad : rows.stop + pad, cols.start + pad : cols.stop + pad] = strands.cover
        rows, cols = window
        shadow = np.ones((rows.stop - rows.start, cols.stop - cols.start), F32)
        for down, right, weight in shifts:
            top, left = rows.start + pad - down, cols.start + pad - right
            shadow -= F32(weight) * over[top : top + shadow.shape[0], left : left + shadow.shape[1]]
        return shadow

    # --- marks ---

    def _marks(self, motion):
        """Face boxes [T, 4] and landmarks [T, 5, 2], in pixels."""
        pose = {f.name: getattr(motion.head, f.name).astype(float) for f in fields(Pose)}
        p, opened = self.portrait, motion.mouth_open.astype(float)
        place = Place(
            p.center_x + pose["x"], p.center_y + pose["y"], self.unit * pose["scale"], *(pose[k] for k in TURNS)
        )
        marks, ring = self._mark(place, opened)
        edge = np.concatenate([ring, marks])
        box = np.concatenate([edge.min(axis=0), edge.max(axis=0)])  # [4, T]
        return (box.T * self.size).astype(F32), (marks.transpose(2, 0, 1) * self.size).astype(F32)

    def _mark(self, place, opened):
        """Landmarks [5, 2, T], and what else the face's box holds [4, 2, T], in frame fractions."""
        p = self.portrait
        points = (
            (-p.eye_x, EYE_Y, 0.0),
            (p.eye_x, EYE_Y, 0.0),
            (0.0, NOSE_Y - 0.045 + p.nose_length, p.nose_height),
            (-p.mouth_width, MOUTH_Y, 0.03),
            (p.mouth_width, MOUTH_Y, 0.03),
        )
        marks = np.array([project(self.shell, place, x, y, lift, opened) for x, y, lift in points])
        ring = [(-0.66, 0.1), (0.66, 0.1), (0.0, BROW_Y - 0.16), (0.0, CHIN_Y - 0.01)]
        return marks, np.array([project(self.shell, place, x, y, 0.0, opened) for x, y in ring])


def _sampled(textures, u, v):
    """A sheet's eight channels at texel coordinates u, v [h, w], [h, w] each."""
    return [channel for texture in textures for channel in sample(texture, u, v)]


def sample_near(field, u, v):
    """The texel of a field [H, W] that u, v [h, w] lie in; the edge is repeated."""
    return cv2.remap(field, u - 0.5, v - 0.5, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
