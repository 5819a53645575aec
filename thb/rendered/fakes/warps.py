"""What goes wrong in pixels, as fields of the frame: displacements, patches and masks (sides are fractions)."""

from functools import lru_cache

import cv2
import numpy as np

from thb.rendered.heads.fields import F32, thrice

FADE = 0.35  # of the reach: how softly a ring round the head ends


@lru_cache(maxsize=8)
def axes(side: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel as fractions of the side, float32 [S, S] each."""
    y, x = np.mgrid[:side, :side].astype(F32)
    return (x + 0.5) / side, (y + 0.5) / side


def displace(frame: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Each pixel shows what lies (dx, dy) away, in fractions of the side; [S, S, C] by [S, S]."""
    side = frame.shape[0]
    x, y = axes(side)
    at_x, at_y = ((a + d) * side - 0.5 for a, d in ((x, dx), (y, dy)))
    return cv2.remap(frame, at_x.astype(F32), at_y.astype(F32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def waves(rng: np.random.Generator, moments: np.ndarray, low: float, high: float, n: int = 3) -> np.ndarray:
    """A wandering track about -1..1 at these moments, of `n` waves between `low` and `high` Hz; float32 [T]."""
    hertz, phase = rng.uniform(low, high, n), rng.uniform(0.0, 2 * np.pi, n)
    return (np.sin(2 * np.pi * hertz * moments[:, None] + phase).sum(axis=1) / np.sqrt(n)).astype(F32)


def ripples(rng: np.random.Generator, side: int, cells: float) -> np.ndarray:
    """A smooth random field about -1..1 with bumps of 1/cells of the side, the same at every size; [S, S]."""
    x, y = axes(side)
    field = np.zeros((side, side), F32)
    for angle, phase in rng.uniform(0.0, 2 * np.pi, (5, 2)):
        field += np.sin(2 * np.pi * cells * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    return field / F32(2.0)


def round_spot(side: int, x: float, y: float, radius: float) -> np.ndarray:
    """1 in the middle, falling to 0 at `radius`; float32 [S, S]."""
    at_x, at_y = axes(side)
    distance = ((at_x - x) ** 2 + (at_y - y) ** 2) / F32(radius**2)
    return np.clip(1.0 - distance, 0.0, 1.0) ** 2


def face_oval(box: np.ndarray, side: int, grow: float = 1.0) -> np.ndarray:
    """How far out of the face's oval each pixel is: 0 in the middle, 1 on its edge; box in px, [S, S]."""
    x, y = axes(side)
    x0, y0, x1, y1 = box / side
    across, down = (x - (x0 + x1) / 2) / ((x1 - x0) / 2 * grow), (y - (y0 + y1) / 2) / ((y1 - y0) / 2 * grow)
    return np.sqrt(across**2 + down**2)


def near(distance: np.ndarray, reach: float) -> np.ndarray:
    """1 within `reach`, softly 0 beyond; same shape."""
    return np.clip((reach - distance) / (FADE * reach), 0.0, 1.0)


def mix(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`above` over `below` [S, S, 3] where `share` [S, S]."""
    return below + (above - below) * thrice(np.asarray(share, F32))
