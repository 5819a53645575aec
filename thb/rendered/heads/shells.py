"""A head as a solid of revolution: where pixels meet it, and where its points land in the frame."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from thb.rendered.heads.fields import F32, curve, ramp

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


class Hit(NamedTuple):
    """Pixels that meet a shell, flat arrays [N]."""

    pixels: np.ndarray  # flat indices
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
    slope: np.ndarray  # [rows] its derivative
    axis: np.ndarray  # [rows]
    depth: float  # depth over width

    def width_at(self, y):
        """Half width at a height."""
        return np.sqrt(np.maximum(self.square[_row(y)], 1e-4))


def make_shell(knots, depth, axis_knots, soften=0.05) -> Shell:
    """A shell from (height, half width) knots that begin and end in width 0."""
    y = np.arange(TABLE_TOP, TABLE_BOTTOM, TABLE_STEP)
    at, widths = np.array(knots, float).T
    square = _extended(y, at, widths)
    square = curve(y, y, square, soften * (at[-1] - at[0]) / (y[-1] - y[0]))
    axis = curve(y, *np.array(axis_knots, float).T)
    return Shell(square, np.gradient(square, TABLE_STEP).astype(F32), axis, depth)


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
    row = (np.asarray(y, F32) - TABLE_TOP) * (1.0 / TABLE_STEP)
    return np.clip(row, 0, int((TABLE_BOTTOM - TABLE_TOP) / TABLE_STEP) - 1).astype(np.intp)


def to_local(place: Place, fx, fy):
    """Frame fractions to the part's own upright plane."""
    x, y = (fx - place.x) / place.unit, (fy - place.y) / place.unit - ROLL_PIVOT_Y
    cos, sin = np.cos(place.roll), np.sin(place.roll)
    return cos * x + sin * y, cos * y - sin * x + ROLL_PIVOT_Y


def to_frame(place: Place, x, y):
    """The part's own upright plane to frame fractions."""
    cos, sin = np.cos(place.roll), np.sin(place.roll)
    y = y - ROLL_PIVOT_Y
    return place.x + place.unit * (cos * x - sin * y), place.y + place.unit * (sin * x + cos * y + ROLL_PIVOT_Y)


def jaw_drop(y, opened):
    """How far an open mouth carries the lower face down at a height."""
    return 0.085 * opened * ramp(0.42, 0.85, y)


def trace(shell: Shell, place: Place, x, y, size, rough=None) -> Hit:
    """Where pixels at local x, y [H, W] meet the shell; `rough(x, y)` eats into its outline."""
    row = _row(y)
    square, slope = shell.square.take(row), shell.slope.take(row)
    x_axis = x - shell.axis.take(row) * F32(np.sin(place.yaw))
    inside = square - x_axis * x_axis
    distance = inside / np.sqrt(4.0 * x_axis * x_axis + slope * slope + F32(1e-4))
    index = np.flatnonzero(distance > -(1.0 / (place.unit * size)))
    across, radius = x_axis.ravel()[index], np.sqrt(np.maximum(inside.ravel()[index], 1e-5))
    slope, down, local_x = slope.ravel()[index], y.ravel()[index], x.ravel()[index]
    distance = distance.ravel()[index]
    if rough is not None:
        distance = distance - rough(local_x, down)
    normal = _unit(across, -0.5 * slope, radius * F32(1.0 / shell.depth))
    return Hit(
        pixels=index,
        cover=np.clip(distance * F32(place.unit * size) + 0.5, 0.0, 1.0),
        angle=np.arctan2(across, radius) - F32(place.yaw),
        height=down - F32(np.sin(place.pitch) * shell.depth) * radius,
        normal=normal,
        local_x=local_x,
        local_y=down,
    )


def _unit(x, y, z):
    scale = 1.0 / np.sqrt(x * x + y * y + z * z)
    return x * scale, y * scale, z * scale


def project(shell: Shell, place: Place, x, y, relief=0.0, opened=0.0):
    """Where a point of the face's front plane (x, y, `relief` above the shell) lands, in frame fractions."""
    width = float(shell.width_at(y))
    angle = np.arcsin(np.clip(x / width, -1.0, 1.0)) + place.yaw
    down = y + np.sin(place.pitch) * (shell.depth * width * np.cos(angle) + relief) + jaw_drop(np.asarray(y), opened)
    axis = float(shell.axis[_row(down)])
    across = np.sin(place.yaw) * (axis + relief) + float(shell.width_at(down)) * np.sin(angle)
    return to_frame(place, across, down)
