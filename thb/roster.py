"""The clips of one fit: its split file beside what `prepare` found out about each clip (no torch)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thb import origin, splits
from thb.clip_store import TABLE, read_clips
from thb.errors import DataError
from thb.params import Params
from thb.paths import Paths
from thb.records import NO_AUDIO, OK, SPLIT_COLUMNS, read_csv


def roster(paths: Paths, params: Params, fit: str, uses: Sequence[str]) -> pd.DataFrame:
    """CLIP_COLUMNS and `use` of every clip that this fit puts to these uses, in the split file's order."""
    whole = read_split(paths, params, fit)
    split = whole[whole["use"].isin(uses)][["clip", "source", "use"]]
    if not len(split):
        raise DataError(f"{paths.split(fit).name} has no clip for {' or '.join(uses)}")
    clips = pd.concat([read_clips(paths, params, source) for source in split["source"].unique()])
    if len(gone := clips[(clips["status"] == OK) & ~clips["clip"].isin(whole["clip"])]):
        raise DataError(f"{paths.relative(paths.split(fit))} lacks clip {gone['clip'].iloc[0]!r} ({len(gone)} in all), "
                        f"which is prepared; run `{origin.split_command(paths)}`")
    rows = split.merge(clips, on=["source", "clip"], how="left", validate="one_to_one", indicator=True)
    if len(strangers := rows[rows["_merge"] != "both"]):
        first = strangers.iloc[0]
        raise DataError(f"clip {first['clip']!r} of split {fit!r} is not among the prepared clips of "
                        f"{first['source']!r}; rerun split")
    return rows.drop(columns="_merge")


def read_split(paths: Paths, params: Params, fit: str) -> pd.DataFrame:
    """SPLIT_COLUMNS of one fit, as `split` made them for the active profile, from the stores that are there."""
    mend = origin.split_command(paths)
    record = origin.read(paths.splits_record, origin.of_splits(paths, params), paths, mend, paths.split(fit))
    origin.check_files(paths, paths.splits, record, [paths.split(fit).name], mend)
    for source, table in origin.part(record, "clips", paths.relative(paths.split(fit)), mend).items():
        if table != origin.sha256(paths.clips(source) / TABLE):
            raise DataError(f"{paths.relative(paths.split(fit))} was made from other clips of {source!r}; run `{mend}`")
    table = read_csv(paths.split(fit), SPLIT_COLUMNS)
    if fault := _fault(table):
        raise DataError(f"{paths.relative(paths.split(fit))}: {fault}; run `{mend}`")
    return table


def _fault(split: pd.DataFrame) -> str:
    """What no split has ('' if nothing): a clip twice, a use that is none, one that the clip's own split forbids."""
    learnt = split["use"].isin(splits.SEEN)
    for odd, words in ((split["clip"].duplicated(), "stands twice"),
                       (~split["use"].isin(splits.USES), "has no use that is known"),
                       (learnt & (split["use"] != split["split"]), "is learnt from, but its own split is another"),
                       (~split["label"].isin([0, 1]), "is neither real nor fake")):
        if odd.any():
            return f"clip {split['clip'][odd].iloc[0]!r} {words} ({int(odd.sum())} in all)"
    return ""


def soundless_marked(rows: pd.DataFrame, hears: bool) -> pd.DataFrame:
    """The rows as a detector sees them: to one that `hears`, a clip without sound is no_audio."""
    silent = (rows["status"] == OK) & (rows["mel_frames"] == 0) & hears
    return rows.assign(status=rows["status"].where(~silent, NO_AUDIO),
                       reason=rows["reason"].where(~silent | (rows["reason"] != ""), "it has no sound"))


def labels_drawn(rows: pd.DataFrame, seed: int, draw: int) -> pd.DataFrame:
    """The rows with labels that say nothing: of each source's usable clips of a use, a half drawn at random is fake."""
    rng, labels = np.random.default_rng([seed, draw]), rows["label"].to_numpy(copy=True)
    places = rows.reset_index(drop=True).query("status == @OK").groupby(["source", "use"]).groups
    for _, group in sorted(places.items()):
        drawn = rng.permutation(np.asarray(group))
        half = (len(drawn) + rng.integers(2)) // 2      # of an odd number, the larger half as often as the smaller
        labels[drawn[:half]], labels[drawn[half:]] = 1, 0
    return rows.assign(label=labels)


def usable(rows: pd.DataFrame, use: str) -> pd.DataFrame:
    """The clips of one use that can be read; both classes must be there."""
    rows = rows[(rows["use"] == use) & (rows["status"] == OK)].reset_index(drop=True)
    for label, name in ((0, "real"), (1, "fake")):
        if not (rows["label"] == label).any():
            raise DataError(f"no usable {name} clip with use {use!r}: a fit needs both classes there")
    return rows
