"""A head as a solid of revolution: where pixels meet it, and where its points land in the frame."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from thb.rendered.heads.fields import F32, arctan, curve, look_up

TABLE_STEP = 0.004  # height of one table row, half head heights
TABLE_TOP, TABLE_BOTTOM = -2.2, 3.2
ROLL_PIVOT_Y = 1.0  # a head tilts about the top of its neck
PARALLAX_STEPS = 2


class Place(NamedTuple):
    """One frame's pose of one part, in plain floats; `x`, `y`, `unit` are fractions of the frame side."""

    x: float
    y: float
    unit: float
    yaw: float
    pitch: float
    roll: float


Window = tuple[slice, slice]  # rows and columns of the frame


class Hit(NamedTuple):
    """Where the pixels of a window meet a shell, float32 [T, h, w]; what `cover` leaves out means nothing."""

    cover: np.ndarray  # 0..1 anti-aliased
    across: np.ndarray  # from the axis
    inside: np.ndarray  # squared half width there, less the square of `across`
    tilt: np.ndarray  # of the shell, downwards
    local_x: np.ndarray
    local_y: np.ndarray


class Surface(NamedTuple):
    """What some pixels see of a shell, float32 [N] each."""

    angle: np.ndarray  # radians about the vertical axis, 0 = front of the part itself
    height: np.ndarray  # down the part itself, -1 crown .. 1 chin
    normal: tuple  # three arrays, in the frame


@dataclass(frozen=True)
class Shell:
    """A solid of revolution: squared half width by height, and how far its axis lies in front of the neck."""

    square: np.ndarray  # [rows] squared half width, negative outside
    tilt: np.ndarray  # [rows] half its derivative, upwards: the part of the normal that points down
    axis: np.ndarray  # [rows]
    depth: float  # depth over width
    extent: tuple[float, float, float]  # top, bottom and largest half width
    aside: float  # furthest that its axis lies in front

    def width_at(self, y):
        """Half width at a height."""
        return np.sqrt(np.maximum(look_up(self.square, _row(y)), 1e-4))


def make_shell(knots, depth, axis_knots, soften=0.05) -> Shell:
    """A shell from (height, half width) knots that begin and end in width 0."""
    y = np.arange(TABLE_TOP, TABLE_BOTTOM, TABLE_STEP)
    at, widths = np.array(knots, float).T
    square = _extended(y, at, widths)
    square = curve(y, y, square, soften * (at[-1] - at[0]) / (y[-1] - y[0]))
    axis = curve(y, *np.array(axis_knots, float).T)
    inside = y[square > 0.0]
    aside = float(np.abs(axis).max())
    extent = (float(inside[0]), float(inside[-1]), math.sqrt(square.max()))
    return Shell(square, (-0.5 * np.gradient(square, TABLE_STEP)).astype(F32), axis, depth, extent, aside)


def _extended(y, at, widths):
    """Squared width by height, falling linearly below zero past the first and last knot."""
    fine = np.linspace(at[0], at[-1], 400)
    square = _hermite(fine, at, widths**2)
    inside = np.interp(y, fine, square)
    first = (square[6] - square[0]) / (fine[6] - fine[0])
    last = (square[-1] - square[-7]) / (fine[-1] - fine[-7])
    return np.where(y < at[0], (y - at[0]) * first, np.where(y > at[-1], (y - at[-1]) * last, inside))


def _hermite(x, at, values):
    """Cubic through the knots with finite-difference slopes."""
    slopes = np.gradient(values, at)
    k = np.clip(np.searchsorted(at, x) - 1, 0, len(at) - 2)
    span = at[k + 1] - at[k]
    t = (x - at[k]) / span
    return (
        (2 * t**3 - 3 * t**2 + 1) * values[k]
        + (t**3 - 2 * t**2 + t) * span * slopes[k]
        + (3 * t**2 - 2 * t**3) * values[k + 1]
        + (t**3 - t**2) * span * slopes[k + 1]
    )


def _row(y):
    """Row of the tables at a height; past their ends where the height is."""
    return (np.asarray(y, F32) - F32(TABLE_TOP)) * F32(1.0 / TABLE_STEP)


def a_frame(values: Iterable[float]) -> np.ndarray:
    """One number a frame, ready to meet a window [T, 1, 1]."""
    return np.array(list(values), F32)[:, None, None]


def to_local(places: Sequence[Place], window: Window, size: int):
    """The part's own upright plane at each pixel of a window: x and y, float32 [T, h, w]."""
    down, across = window
    turns = turns_of(places, size)[:, :, None, None]
    return upright(
        turns, np.arange(across.start, across.stop, dtype=F32), np.arange(down.start, down.stop, dtype=F32)[:, None]
    )


def turns_of(places: Sequence[Place], size: int) -> np.ndarray:
    """What takes pixels to the part's own upright plane, in each frame: cosine, sine and shifts in x and y [4, T]."""
    return np.array([_turn(place, size) for place in places], F32).T


def _turn(place, size):
    step = 1.0 / (place.unit * size)
    cos, sin = math.cos(place.roll), math.sin(place.roll)
    x, y = (0.5 / size - place.x) / place.unit, (0.5 / size - place.y) / place.unit - ROLL_PIVOT_Y
    return cos * step, sin * step, cos * x + sin * y, cos * y - sin * x + ROLL_PIVOT_Y


def upright(turns: np.ndarray, across: np.ndarray, down: np.ndarray):
    """The upright plane at some columns and rows of frames, whatever their shape: x and y."""
    cos, sin, shift_x, shift_y = turns
    return across * cos + (down * sin + shift_x), down * cos + (shift_y - across * sin)


def to_frame(place: Place, x, y):
    """The part's own upright plane to frame fractions."""
    cos, sin = np.cos(place.roll), np.sin(place.roll)
    y = y - ROLL_PIVOT_Y
    return place.x + place.unit * (cos * x - sin * y), place.y + place.unit * (sin * x + cos * y + ROLL_PIVOT_Y)


def window_of(place: Place, left, right, top, bottom, size: int) -> Window | None:
    """The pixels that may show what lies between these local coordinates; None where the frame holds none."""
    cos, sin = math.cos(place.roll) * place.unit, math.sin(place.roll) * place.unit
    x, y = 0.5 * (left + right), 0.5 * (top + bottom) - ROLL_PIVOT_Y
    wide, high = 0.5 * (right - left), 0.5 * (bottom - top)
    rows = _pixels(place.y + sin * x + cos * y + ROLL_PIVOT_Y * place.unit, abs(sin) * wide + abs(cos) * high, size)
    cols = _pixels(place.x + cos * x - sin * y, abs(cos) * wide + abs(sin) * high, size)
    return (rows, cols) if rows.start < rows.stop and cols.start < cols.stop else None


def spanned(windows: Iterable[Window | None]) -> Window | None:
    """The smallest window that holds all of these; None where there is none."""
    some = [window for window in windows if window is not None]
    if not some:
        return None
    rows, cols = zip(*some, strict=True)
    return _span(rows), _span(cols)


def _span(slices):
    return slice(min(one.start for one in slices), max(one.stop for one in slices))


def _pixels(middle, reach, size):
    """Pixels of an axis within `reach` of its `middle`, both fractions of it."""
    first, last = float(middle - reach) * size, float(middle + reach) * size
    return slice(max(math.floor(first) - 1, 0), min(math.ceil(last) + 1, size))


def shell_window(shell: Shell, place: Place, size: int, lower: float = 0.0, last: float = math.inf) -> Window | None:
    """The pixels that may meet a shell; None where there is none.

    Its lower end hangs `lower` further down, and what is below the height `last` of the part itself is not wanted.
    """
    top, bottom, half = shell.extent
    last += abs(math.sin(place.pitch)) * shell.depth * half
    half += abs(math.sin(place.yaw)) * shell.aside
    return window_of(place, -half, half, top, min(bottom + lower, last), size)


def jaw_drop(y, opened):
    """How far an open mouth carries the lower face down at a height."""
    t = np.clip((y - 0.42) * (1.0 / 0.43), 0.0, 1.0)
    return (0.085 * opened) * (t * t * (3.0 - 2.0 * t))


class Roughness(Protocol):
    """What eats into an outline: how far at most, and how far at local points [N], in half head heights."""

    most: float

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray: ...


def trace(shell: Shell, places: Sequence[Place], x, y, size, rough: Roughness | None = None) -> Hit:
    """Where pixels at local x, y [T, h, w] meet the shell; `rough` eats into its outline."""
    row = _row(y).astype(np.intp)
    square, tilt, axis = (table.take(row, mode="clip") for table in (shell.square, shell.tilt, shell.axis))
    axis *= a_frame(math.sin(place.yaw) for place in places)
    across = np.subtract(x, axis, out=axis)
    inside = across * across
    cover = tilt * tilt
    cover += inside
    cover *= F32(4.0)
    cover += F32(1e-4)
    inside = np.subtract(square, inside, out=inside)
    cover = np.divide(inside, np.sqrt(cover, out=cover), out=cover)  # for now, how deep below the outline
    if rough is not None:
        pixel = 1.0 / min(place.unit * size for place in places)
        edge = np.flatnonzero((cover < rough.most + pixel) & (cover > -pixel))
        cover.ravel()[edge] -= rough.at(x.ravel()[edge], y.ravel()[edge])
    cover *= a_frame(place.unit * size for place in places)
    cover += F32(0.5)
    return Hit(np.clip(cover, 0.0, 1.0, out=cover), across, inside, tilt, x, y)


def surface(shell: Shell, places: Sequence[Place], hit: Hit, at: np.ndarray, frames: np.ndarray) -> Surface:
    """What pixels of traced windows see of the shell: of all counted row by row `at` [N], in these frames [N]."""
    across, tilt, inside, y = (part.ravel()[at] for part in (hit.across, hit.tilt, hit.inside, hit.local_y))
    yaw, nod = np.array([(place.yaw, math.sin(place.pitch) * shell.depth) for place in places], F32).T
    radius = np.sqrt(np.maximum(inside, F32(1e-5)))
    front = radius * F32(1.0 / shell.depth)
    scale = 1.0 / np.sqrt(across * across + tilt * tilt + front * front)
    return Surface(
        angle=arctan(across, radius) - yaw[frames],
        height=y - nod[frames] * radius,
        normal=(across * scale, tilt * scale, front * scale),
    )


def project(shell: Shell, place: Place, x, y, relief=0.0, opened=0.0):
    """Where a point of the face's front plane (x, y, `relief` above the shell) lands, in frame fractions.

    The place's numbers and `opened` may be arrays, one item a frame.
    """
    width = float(shell.width_at(y))
    angle = math.asin(min(max(x / width, -1.0), 1.0)) + place.yaw
    down = y + np.sin(place.pitch) * (shell.depth * width * np.cos(angle) + relief) + jaw_drop(y, opened)
    axis = look_up(shell.axis, _row(down))
    across = np.sin(place.yaw) * (axis + relief) + shell.width_at(down) * np.sin(angle)
    return to_frame(place, across, down)
