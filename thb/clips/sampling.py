"""Which frames of a clip are kept: short runs, their starts spread evenly over the whole of it."""

from __future__ import annotations

import numpy as np


def kept_frames(n: int, windows: int, run: int) -> np.ndarray:
    """int64 [windows * run]: frame numbers in 0..n-1, run by run.

    The starts lie evenly on [0, n - run], so the first frame kept is 0 and the last is n - 1. A single
    window cannot touch both ends and stands in the middle. A clip shorter than a run repeats its last frame.
    """
    if n < 1 or windows < 1 or run < 1:
        raise ValueError(f"frames, windows and run must be at least 1 (got {n}, {windows}, {run})")
    starts = _starts(max(n - run, 0), windows)
    return np.minimum(starts[:, None] + np.arange(run), n - 1).ravel()


def _starts(last: int, windows: int) -> np.ndarray:
    """`windows` integers spread over 0..last, halves rounded up so that no platform differs."""
    if windows == 1:
        return np.array([last // 2])
    gaps = windows - 1
    return (2 * np.arange(windows) * last + gaps) // (2 * gaps)
