"""Draws a portrait in motion, back to front: hair behind, body, ears, head, hair; each has its own pose."""

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np

from thb.rendered.heads.backgrounds import paint_background
from thb.rendered.heads.clothes import paint_body
from thb.rendered.heads.ears import Ears
from thb.rendered.heads.eyes import EyeBand
from thb.rendered.heads.fields import F32, sample, sample_near
from thb.rendered.heads.hair import make_hair
from thb.rendered.heads.layers import QUAD, Face, Layers
from thb.rendered.heads.motion import Motion, Pose
from thb.rendered.heads.mouth import Mouth
from thb.rendered.heads.patches import sampled, textures_of
from thb.rendered.heads.portraits import Portrait
from thb.rendered.heads.shading import Light, bent, finish, vignette
from thb.rendered.heads.shells import (
    PARALLAX_STEPS,
    Place,
    a_frame,
    jaw_drop,
    project,
    shell_window,
    spanned,
    surface,
    to_local,
    trace,
    turns_of,
    upright,
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
        self.rows, self.relief = len(sheet), np.ascontiguousarray(relief)
        self.textures = [np.tile(texture, (CHUNK, 1, 1)) for texture in textures_of(sheet)]  # a sheet a frame
        self.eyes = EyeBand(portrait, self.grid, sheet, look)
        self.mouth = Mouth(portrait, self.grid, sheet, look)
        self.hair = make_hair(portrait, pixels_per_unit, look, self.light)
        self.ears = Ears(portrait, self.shell, self.light)
        self.canvas, self.body = paint_body(portrait, self.light, pixels_per_unit)
        self.plate = finish(paint_background(portrait, size) * vignette(size)).astype(F32)
        self.plate.flags.writeable = False  # every clip of this figure shows it
        self.quads = cv2.merge([*cv2.split(self.plate), np.zeros((size, size), F32)]).view(QUAD).ravel()
        self.lines, self.cols = (part.ravel() for part in np.indices((size, size), F32))

    def draw(self, motion: Motion) -> Rendered:
        """All frames."""
        count, size = len(motion.blink), self.size
        rgb = np.empty((count, size, size, 3), F32)
        alpha = np.empty((count, size, size), F32)
        regions = np.zeros((count, size, size), np.uint8)
        for first in range(0, count, CHUNK):
            frames = slice(first, min(first + CHUNK, count))
            eyes, mouths = self.eyes.paint(motion, frames), self.mouth.paint(motion, frames)
            for t in range(frames.stop - first):
                sheets = [texture[t * self.rows : (t + 1) * self.rows] for texture in self.textures]
                eyes.put(sheets, self.eyes.window, t)
                mouths.put(sheets, self.mouth.window, t)
            layers = Layers(self.quads, regions[frames])
            self._compose(layers, motion, frames)
            layers.show(rgb[frames], alpha[frames])
        box, landmarks = self._marks(motion)
        return Rendered(rgb, regions, self.plate, alpha, box, landmarks)

    def place(self, pose: Pose, t: int) -> Place:
        """A pose of one frame, in frame fractions."""
        p, unit = self.portrait, self.unit * float(pose.scale[t])
        x, y = p.center_x + float(pose.x[t]), p.center_y + float(pose.y[t])
        return Place(x, y, unit, float(pose.yaw[t]), float(pose.pitch[t]), float(pose.roll[t]))

    def _compose(self, layers: Layers, motion: Motion, frames: slice):
        head, hair, body = (
            [self.place(pose, t) for t in range(frames.start, frames.stop)]
            for pose in (motion.head, motion.hair, motion.body)
        )
        strands = self.hair.meet(layers, hair) if self.hair is not None else None
        if strands:
            layers.shut(strands.pixels, strands.cover)
        face = self._meet_head(layers, head, motion.mouth_open[frames])
        before_face = layers.free
        if face:
            layers.free = before_face.copy()
            layers.shut(face.pixels, face.cover)
        if strands and self.hair is not None:
            self.hair.lay_behind(layers, strands, hair)
        self._lay_body(layers, body, head)
        self.ears.lay(layers, head, behind=True, code=FACE)
        layers.free = before_face
        if face:
            self._lay_head(layers, head, face, strands)
        self.ears.lay(layers, head, behind=False, code=FACE)
        if strands:
            layers.lay(strands.pixels, strands.cover, strands.colour, HAIR)

    # --- body ---

    def _lay_body(self, layers, bodies, heads):
        tops = [max(int((body.y + 0.25 * body.unit) * self.size), 0) for body in bodies]
        window = slice(min(*tops, self.size), self.size), slice(0, self.size)
        wanted = layers.free[layers.window(window)].copy()
        for free, top in zip(wanted, tops, strict=True):
            free[: top - window[0].start] = False
        at, pixels, frames = layers.chosen(window, wanted)
        if not len(at):
            return
        x, y = (part.ravel()[at] for part in to_local(bodies, window, self.size))
        x -= a_frame(map(_pull, bodies, heads)).ravel()[frames] * np.clip((1.25 - y) * 2.0, 0.0, 1.0)
        x *= a_frame(1.0 / math.cos(body.yaw) for body in bodies).ravel()[frames]
        *colour, cover = sample(self.body, *self.canvas.texel(x, y))
        some = np.flatnonzero(cover)
        pixels, frames = pixels[some], frames[some]
        shadow = self._chin_shadow(pixels, frames, heads)
        layers.lay(pixels, cover[some], finish(np.stack([channel[some] * shadow for channel in colour])), NECK)

    def _chin_shadow(self, pixels, frames, heads):
        places = pixels - frames * (self.size * self.size)
        x, y = upright(turns_of(heads, self.size)[:, frames], self.cols[places], self.lines[places])
        x = (x + 0.20 * self.light.key[0]) * (1.0 / 0.66)
        y = (y - 0.86) * (1.0 / 0.34)
        x *= x
        return 1.0 - 0.58 * np.exp(-(x * x + y * y))

    # --- head ---

    def _meet_head(self, layers, places, opened) -> Face | None:
        window = spanned(
            shell_window(self.shell, place, self.size, lower=jaw_drop(CHIN_Y, float(wide)))
            for place, wide in zip(places, opened, strict=True)
        )
        if window is None:
            return None
        x, y = to_local(places, window, self.size)
        hit = trace(self.shell, places, x, y - jaw_drop(y, a_frame(opened)), self.size)
        at, pixels, frames = layers.chosen(window, (hit.cover > 0.0) & layers.free[layers.window(window)])
        if not len(at):
            return None
        return Face(window, at, pixels, frames, hit.cover.ravel()[at], surface(self.shell, places, hit, at, frames))

    def _lay_head(self, layers, places, face, strands):
        u, v = self.grid.texel(*self._over_relief(face, places))
        v = np.clip(v, 0.0, F32(self.rows - 1)) + (face.frames * self.rows).astype(F32)  # sheets lie one below another
        red, green, blue, over_x, over_y, gloss, inside, glow = sampled(self.textures, u, v)
        normal = bent(face.surface.normal, over_x, over_y)
        colour = self.light.diffuse(normal, self.light.skin)
        shine = self.light.shine(normal) * gloss + 0.10 * self.light.rim(face.surface.normal)
        dull = 1.0 - glow
        if strands:
            shadow = self._hair_shadow(layers, face.window, strands).ravel()[face.at]
            dull *= shadow
            glow *= shadow
        for channel, own in zip(colour, (red, green, blue), strict=True):
            channel *= dull
            channel += glow
            channel *= own
            channel += shine
        code = np.where(inside > 0.5, np.uint8(MOUTH), np.uint8(FACE))
        layers.lay(face.pixels, face.cover, finish(colour), code)

    def _over_relief(self, face, places):
        """(angle, height) on the sheet that a pixel sees, now that nose and sockets leave the shell."""
        seen = face.surface
        angle, height = seen.angle, seen.height
        turned = [(place.yaw, math.sin(place.yaw), math.sin(place.pitch)) for place in places]
        yaw, aside, nod = np.array(turned, F32).T[:, face.frames]
        aside /= np.maximum(np.cos(angle + yaw), 0.3) * 0.62
        for _ in range(PARALLAX_STEPS):
            lift = sample_near(self.relief, *self.grid.texel(angle, height))
            angle, height = seen.angle - aside * lift, seen.height - nod * lift
        return angle, height

    def _hair_shadow(self, layers, window, strands):
        """Soft shadow that the hair in front throws on the face just below it [T, h, w]."""
        step, aside = self.size / 128.0, -0.5 * float(np.sign(self.light.key[0]))
        shifts = [(round(down * step), round(aside * down * step), weight) for down, weight in HAIR_SHADOW]
        pad = shifts[-1][0]
        over = np.zeros((layers.count, self.size + pad, self.size + 2 * pad), F32)
        cover = np.zeros(strands.hit.cover.shape, F32)
        cover.ravel()[strands.at] = strands.cover
        rows, cols = strands.window
        over[:, rows.start + pad : rows.stop + pad, cols.start + pad : cols.stop + pad] = cover
        rows, cols = window
        shadow = np.ones((layers.count, rows.stop - rows.start, cols.stop - cols.start), F32)
        for down, right, weight in shifts:
            top, left = rows.start + pad - down, cols.start + pad - right
            shadow -= F32(weight) * over[:, top : top + shadow.shape[1], left : left + shadow.shape[2]]
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


def _pull(body, head):
    """How far the top of the neck goes where the head is."""
    lean = NECK_LEAN * (head.roll - body.roll)
    return min(max((head.x - body.x) / body.unit + lean, -NECK_REACH), NECK_REACH)
