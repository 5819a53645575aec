"""A head as a solid of revolution: where pixels meet it, and where its points land in the frame."""

import math
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
    """Where the pixels of a window meet a shell, float32 [h, w] each; what `cover` leaves out means nothing."""

    cover: np.ndarray  # 0..1 anti-aliased
    angle: np.ndarray  # radians about the vertical axis, 0 = front of the part itself
    height: np.ndarray  # down the part itself, -1 crown .. 1 chin
    normal: tuple  # three arrays, in the frame
    local_x: np.ndarray
    local_y: np.ndarray


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


def to_local(place: Place, window: Window, size: int):
    """The part's own upright plane at each pixel of a window: x and y, float32 [h, w]."""
    (down, across), step = window, 1.0 / (place.unit * size)
    x = np.arange(across.start, across.stop, dtype=F32) * step + (0.5 / size - place.x) / place.unit
    y = np.arange(down.start, down.stop, dtype=F32) * step + (0.5 / size - place.y) / place.unit - ROLL_PIVOT_Y
    y = y[:, None]
    cos, sin = math.cos(place.roll), math.sin(place.roll)
    return cos * x + sin * y, cos * y - (sin * x - ROLL_PIVOT_Y)


def to_frame(place: Place, x, y):
    """The part's own upright plane to frame fractions."""
    cos, sin = np.cos(place.roll), np.sin(place.roll)
    y = y - ROLL_PIVOT_Y
    return place.x + place.unit * (cos * x - sin * y), place.y + place.unit * (sin * x + cos * y + ROLL_PIVOT_Y)


def window_of(place: Place, left, right, top, bottom, size: int) -> Window | None:
    """The pixels that may show what lies between these local coordinates; None where the frame holds none."""
    cos, sin = math.cos(place.roll) * place.unit, math.sin(place.roll) * place.unit
    middle_x, middle_y = to_frame(place, 0.5 * (left + right), 0.5 * (top + bottom))
    wide, high = 0.5 * (right - left), 0.5 * (bottom - top)
    rows = _pixels(middle_y, abs(sin) * wide + abs(cos) * high, size)
    cols = _pixels(middle_x, abs(cos) * wide + abs(sin) * high, size)
    return (rows, cols) if rows.start < rows.stop and cols.start < cols.stop else None


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


def trace(shell: Shell, place: Place, x, y, size, rough: Roughness | None = None) -> Hit:
    """Where pixels at local x, y [h, w] meet the shell; `rough` eats into its outline."""
    row = _row(y).astype(np.intp)
    square, tilt, axis = (table.take(row, mode="clip") for table in (shell.square, shell.tilt, shell.axis))
    across = x - axis * F32(math.sin(place.yaw))
    squared, steep = across * across, tilt * tilt
    inside = square - squared
    distance = inside / np.sqrt(4.0 * (squared + steep) + F32(1e-4))
    per_unit = place.unit * size  # pixels
    if rough is not None:
        edge = np.flatnonzero((distance < rough.most + 1.0 / per_unit) & (distance > -1.0 / per_unit))
        distance.ravel()[edge] -= rough.at(x.ravel()[edge], y.ravel()[edge])
    radius = np.sqrt(np.maximum(inside, F32(1e-5)))
    front = radius * F32(1.0 / shell.depth)
    scale = 1.0 / np.sqrt(squared + steep + front * front)
    return Hit(
        cover=np.clip(distance * F32(per_unit) + 0.5, 0.0, 1.0),
        angle=arctan(across, radius) - F32(place.yaw),
        height=y - F32(math.sin(place.pitch) * shell.depth) * radius,
        normal=(across * scale, tilt * scale, front * scale),
        local_x=x,
        local_y=y,
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
