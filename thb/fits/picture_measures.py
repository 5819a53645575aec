"""What a detector that is no network is fitted to: rows as they are, or with its own measures of the pictures."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from thb.clips.clip_store import ClipStore, open_clips
from thb.core.params import Params
from thb.core.paths import Paths

_TAKEN: dict[Hashable, np.ndarray] = {}  # the fits of one process share most of their clips


def seen(paths: Paths, params: Params, rows: pd.DataFrame, detector: Any) -> pd.DataFrame:
    """The rows as the detector reads them; pixels are opened only for one that takes measures of them."""
    if detector.reads != "pictures":
        return rows
    return measured(open_clips(paths, params, sorted(set(rows["source"]))), rows, detector)


def measured(store: ClipStore, rows: pd.DataFrame, detector: Any) -> pd.DataFrame:
    """The rows with a column for each of the detector's `measures`, if it has any; every row has frames."""
    if detector.reads != "pictures":
        return rows
    places = zip(rows["source"], rows["row"].astype(int), strict=True)
    numbers = np.stack([_of_clip(store, detector, *place) for place in places])
    return rows.assign(**dict(zip(detector.measures, numbers.T, strict=True)))


def _of_clip(store: ClipStore, detector: Any, source: str, row: int) -> np.ndarray:
    """float64 [measures]; taken once a process where frames lie in a file that stays what it was."""
    frames = store.frames[source]
    if not isinstance(frames, np.memmap):
        return _taken(store, detector, frames[row])
    key = (type(detector), detector.config, frames.filename, frames.filename.stat().st_mtime_ns, row)
    if key not in _TAKEN:
        _TAKEN[key] = _taken(store, detector, frames[row])
    return _TAKEN[key]


def _taken(store: ClipStore, detector: Any, kept: np.ndarray) -> np.ndarray:
    return detector.measure(kept.reshape(store.windows, store.run, *kept.shape[1:]))
