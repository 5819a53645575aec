"""What a control is fitted to: rows as they are, or with its own measures of the pictures."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from thb.clips.clip_store import ClipStore, open_clips
from thb.core.params import Params
from thb.core.paths import Paths

if TYPE_CHECKING:  # so that the fits of networks do not rest on it
    from thb.detectors.parts.logistic import Control

_TAKEN: dict[Hashable, np.ndarray] = {}  # the fits of one process share most of their clips


def seen(paths: Paths, params: Params, rows: pd.DataFrame, control: Control) -> pd.DataFrame:
    """The rows as the control reads them; pixels are opened only for one that takes measures of them."""
    if control.reads != "pictures":
        return rows
    return measured(open_clips(paths, params, sorted(set(rows["source"]))), rows, control)


def measured(store: ClipStore, rows: pd.DataFrame, control: Control) -> pd.DataFrame:
    """The rows with a column for each of the control's `measures`, if it has any; every row has frames."""
    if control.reads != "pictures":
        return rows
    places = zip(rows["source"], rows["row"].astype(int), strict=True)
    numbers = np.stack([_of_clip(store, control, *place) for place in places])
    return rows.assign(**dict(zip(control.measures, numbers.T, strict=True)))


def _of_clip(store: ClipStore, control: Control, source: str, row: int) -> np.ndarray:
    """float64 [measures]; taken once a process where frames lie in a file that stays what it was."""
    frames = store.frames[source]
    clip = frames[row].reshape(store.windows, store.run, *frames.shape[2:])
    if not isinstance(frames, np.memmap) or frames.filename is None:
        return control.measure(clip)
    file = Path(frames.filename)
    key = (type(control), control.config, file, file.stat().st_mtime_ns, row)
    if key not in _TAKEN:
        _TAKEN[key] = control.measure(clip)
    return _TAKEN[key]
