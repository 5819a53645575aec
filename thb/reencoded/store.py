"""A condition's store: which clips are in it, what made it, and how it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from thb.clips import clip_store
from thb.clips.clip_store import ARRAYS, FILES, META, TABLE, ClipStore
from thb.core import code, origin
from thb.core.errors import DataError
from thb.core.origin import Origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK
from thb.reencoded.conditions import TESTED, Condition, Reencoding
from thb.splits import protocols


def place(paths: Paths, name: str) -> Path:
    """A condition's store."""
    return paths.root / "data" / "reencoded" / name


def chosen(paths: Paths, params: Params, settings: Reencoding) -> pd.DataFrame:
    """CLIP_COLUMNS of the clips that take part, as they were prepared: of each source so many, evenly by name."""
    asked, tables = settings.test_clips[params.profile], []
    fakes = dict.fromkeys(trial.generator for trial in protocols.trials(params, settings.reencoded))
    for source in [*fakes, *params.of_role("real")]:
        rows = clip_store.read_clips(paths, params, source)
        usable = rows.loc[(rows["status"] == OK) & (rows["split"] == TESTED)].sort_values("clip")
        tables.append(usable.iloc[evenly(len(usable), asked.fakes if source in fakes else asked.reals)])
    found = pd.concat(tables, ignore_index=True)
    if found.empty:
        raise DataError("there is no usable test clip to encode again; run `thb data status`")
    return found


def evenly(n: int, wanted: int) -> np.ndarray:
    """int [at most `wanted`]: places in 0..n-1, the first and the last among them; all of them if that is 0 or more."""
    if not 0 < wanted < n:
        return np.arange(n)
    return np.round(np.linspace(0, n - 1, wanted)).astype(int) if wanted > 1 else np.array([n // 2])


def made_by(params: Params, condition: Condition, rows: pd.DataFrame, paths: Paths) -> Origin:
    """Of a condition's store, as `reencode` would make it of these clips."""
    active = params.active
    stores = {source: clip_store.digest(paths, params, source) for source in dict.fromkeys(rows["source"])}
    settings = [condition.model_dump(exclude={"says"}), stores, list(rows["clip"]), active.finder]
    corpus, digest = active.corpus, code.digest("reencoded.clips")
    return Origin("reencode", corpus, params.profile, active.seed, origin.digest(settings), digest)


def is_whole(paths: Paths, wanted: Origin, folder: Path) -> bool:
    """Whether a store is there, of this origin, each file as it was written."""
    try:
        _record(paths, wanted, folder)
    except DataError:
        return False
    return True


def open_store(paths: Paths, params: Params, settings: Reencoding, condition: str) -> tuple[pd.DataFrame, ClipStore]:
    """CLIP_COLUMNS of a condition's clips, whatever their status, and the store of those that are ok.

    Raises DataError for a store that is not there, or is of other clips, settings or code.
    """
    folder, kept = place(paths, condition), params.active.store
    wanted = made_by(params, settings.condition(condition), chosen(paths, params, settings), paths)
    _record(paths, wanted, folder)
    table = pd.read_parquet(folder / TABLE)
    arrays: dict[str, np.ndarray] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    sources = list(table["source"].unique())
    held = {name: dict.fromkeys(sources, array) for name, array in arrays.items()}
    rows = table.loc[table["status"] == OK].reset_index(drop=True)
    hop = kept.sound.hop_seconds
    return table, ClipStore(
        rows, **held, mel_hop=hop, windows=kept.windows, run=kept.run, test_windows=kept.test_windows
    )


def _record(paths: Paths, wanted: Origin, folder: Path) -> None:
    mend = f"thb reencode {folder.name}"
    if not (folder / META).is_file():
        raise DataError(f"{paths.relative(folder)} is missing; run `{mend}`")
    origin.check_files(paths, folder, origin.read(folder / META, wanted, paths, mend, folder), FILES, mend)
