"""What everything drawn here is made of: ramps, blobs, noise, blur and sampling (all float32)."""

import cv2
import numpy as np

F32 = np.float32
LONGEST = 2**14  # places that one look-up takes: below what OpenCV allows in a row


def ramp(low, high, value):
    """Smooth step from 0 at `low` to 1 at `high` (`low` > `high` falls instead)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(F32)


def blob(x, y, cx, cy, rx, ry):
    """Gaussian bump of height 1 at (cx, cy)."""
    return np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2).astype(F32)


def twin(x, y, cx, cy, rx, ry):
    """The same bump on both sides of the face."""
    return blob(np.abs(x), y, cx, cy, rx, ry)


def stroke(distance, width):
    """Soft line where `distance` is near 0."""
    return np.exp(-((distance / width) ** 2)).astype(F32)


def curve(at, knots_x, knots_y, soften=0.06):
    """Polyline through the knots, rounded over `soften` of the knots' span."""
    span = soften * (knots_x[-1] - knots_x[0])
    taps = np.linspace(-1.0, 1.0, 9)
    weights = (1.0 - taps**2) / np.sum(1.0 - taps**2)
    values = sum(w * np.interp(at + span * tap, knots_x, knots_y) for w, tap in zip(weights, taps, strict=True))
    return np.asarray(values).astype(F32)


def noise(rng, shape, cells_y, cells_x):
    """Smooth value noise in -1..1, `cells` bumps along each side."""
    rows, cols = int(np.ceil(cells_y)) + 2, int(np.ceil(cells_x)) + 2
    grid = rng.uniform(-1.0, 1.0, (rows, cols)).astype(F32)
    return _stretch(_stretch(grid, shape[0], cells_y).T, shape[1], cells_x).T


def _stretch(grid, length, cells):
    """Resample the first axis of a grid to `length` rows with a smooth ramp between cells."""
    at = np.linspace(0.0, cells, length, dtype=F32)
    low = at.astype(int)
    share = ramp(0.0, 1.0, at - low)[:, None]
    return grid[low] * (1.0 - share) + grid[low + 1] * share


def fractal(rng, shape, cells, octaves=4, aspect=1.0):
    """Sum of noises at doubling frequency and falling strength, roughly -1..1."""
    parts = [noise(rng, shape, cells * aspect * 2**k, cells * 2**k) * 0.55**k for k in range(octaves)]
    return np.asarray(sum(parts) / 1.4).astype(F32)


def blur(image, sigma):
    """Gaussian blur of [H, W, 3] by `sigma` pixels; past the edge there is nothing, and the rest weighs more."""
    size = (2 * max(int(4.0 * sigma + 0.5), 1) + 1,) * 2
    total, weights = (
        cv2.GaussianBlur(part.astype(F32), size, max(sigma, 1e-3), borderType=cv2.BORDER_CONSTANT)
        for part in (image, np.ones(image.shape, F32))
    )
    return total / weights


def lerp(base, over, share):
    """Mix two colours [..., C] by a scalar field [...]."""
    return base + (over - base) * share[..., None]


def planes(image):
    """[..., C] as [C, ...], each channel in one piece: arithmetic on short last axes is slow."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def sample(texture, u, v):
    """Bilinear look-up of texture [H, W, C] at texel coordinates u, v [N] -> [C, N]; the edge is repeated.

    C is 2 to 4: how OpenCV reads a single channel depends on the processor.
    """
    return np.ascontiguousarray(_remapped(texture, u, v, cv2.INTER_LINEAR).T)


def sample_near(field, u, v):
    """The texel of a field [H, W] that u, v [N] lie in; the edge is repeated."""
    return _remapped(field, u - F32(0.5), v - F32(0.5), cv2.INTER_NEAREST)


def _remapped(texture, u, v, how):
    """A look-up for a list of places, in rows of a length that OpenCV takes [N] or [N, C]."""
    out = np.empty((len(u), *texture.shape[2:]), texture.dtype)
    for first in range(0, len(u), LONGEST):
        part = slice(first, first + LONGEST)
        cv2.remap(texture, u[None, part], v[None, part], how, out[None, part], borderMode=cv2.BORDER_REPLICATE)
    return out


def thrice(field):
    """A field [h, w] for each of three colours [h, w, 3]: arithmetic with a broadcast last axis is slow."""
    return cv2.merge([field] * 3)


def look_up(table, at):
    """table[..., at], in whole steps; positions past an end read that end."""
    return table.take(at.astype(np.intp), axis=-1, mode="clip")


def power(base, exponent):
    """base ** exponent for a base of 0 or more, the same on every processor, as numpy's own is not."""
    return np.exp(F32(exponent) * np.log(np.maximum(base, F32(1e-30))))


def arctan(y, x):
    """Angle of (x, y) in radians where x > 0, within 3e-5: by +, * and sqrt, which are the same on every processor."""
    t = y / (x + np.sqrt(x * x + y * y))  # the tangent of half the angle
    s = t * t
    return t * (1.9997320 + s * (-0.6605990 + s * (0.3602820 + s * (-0.1702660 + s * 0.0416702))))
