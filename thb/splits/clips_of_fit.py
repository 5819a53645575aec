"""The clips of one fit: its split file joined with what `prepare` found out about each clip (no torch)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thb.clips.clip_store import TABLE, read_clips
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import CLIP_COLUMNS, NO_AUDIO, OK, SPLIT_COLUMNS, read_csv
from thb.splits import assignment


def clips_of_fit(paths: Paths, params: Params, fit: str, uses: Sequence[str]) -> pd.DataFrame:
    """CLIP_COLUMNS and `use` of every clip of one fit that has one of these uses, in the split file's order."""
    split, clips = _split_and_clips(paths, params, fit)
    split = split.loc[split["use"].isin(uses), ["clip", "use"]]
    if split.empty:
        raise DataError(f"{paths.split(fit).name} has no clip for {' or '.join(uses)}")
    return split.merge(clips, on="clip", validate="one_to_one")


def read_split(paths: Paths, params: Params, fit: str) -> pd.DataFrame:
    """SPLIT_COLUMNS of one fit, as `split` would make them for the active profile from the stores that are there."""
    return _split_and_clips(paths, params, fit)[0]


def seen_digest(rows: pd.DataFrame) -> str:
    """Of the clips that a fit sees, and of their uses: of a split, or of rows that were joined with one."""
    return origin.digest(rows.loc[rows["use"].isin(assignment.SEEN), ["clip", "use"]].to_dict("list"))


def _split_and_clips(paths: Paths, params: Params, fit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The split, and CLIP_COLUMNS of every prepared clip."""
    file, mend = paths.split(fit), origin.split_command(paths)
    what = paths.relative(file)
    record = origin.read(paths.splits_record, origin.of_splits(paths, params), paths, mend, file)
    origin.check_files(paths, paths.splits, record, [file.name], mend)
    made_of = origin.part(record, "clips", what, mend)
    for source, table in made_of.items():
        if table != origin.sha256(paths.clips(source) / TABLE):
            raise DataError(f"{what} was made from other clips of {source!r}; run `{mend}`")
    split = read_csv(file, SPLIT_COLUMNS)
    nobody = pd.DataFrame(columns=CLIP_COLUMNS)
    clips = pd.concat([read_clips(paths, params, source) for source in made_of]) if made_of else nobody
    if fault := _fault(split.set_index("clip"), clips.assign(use=assignment.uses(clips, fit)).set_index("clip")):
        raise DataError(f"{what}: {fault}; run `{mend}`")
    return split, clips


def _fault(split: pd.DataFrame, due: pd.DataFrame) -> str:
    """Where a split differs from what the prepared clips give ('' if nowhere), whatever the order of its rows."""
    for odd, words in (
        (split.index[split.index.duplicated()], "stands twice"),
        (due.index[due.loc[:, "status"] == OK].difference(split.index), "is usable and not in it"),
        (split.index.difference(due.index), "is in it and in no store"),
    ):
        if len(odd):
            return f"clip {odd[0]!r} {words} ({len(odd)} in all)"
    for column in SPLIT_COLUMNS[1:]:
        differs = split.loc[:, column] != due.loc[split.index, column]
        if differs.any():
            clip = split.index[differs][0]
            return (
                f"clip {clip!r} has {column} {str(split.loc[clip, column])!r}, "
                f"and it should be {str(due.loc[clip, column])!r}"
            )
    return ""


def soundless_marked(rows: pd.DataFrame, hears: bool) -> pd.DataFrame:
    """The rows as a detector sees them: to one that `hears`, a clip without sound is no_audio."""
    silent = (rows["status"] == OK) & (rows["mel_frames"] == 0) & hears
    return rows.assign(
        status=rows["status"].mask(silent, NO_AUDIO),
        reason=rows["reason"].mask(silent & (rows["reason"] == ""), "it has no sound"),
    )


def with_shuffled_labels(rows: pd.DataFrame, seed: int, draw: int) -> pd.DataFrame:
    """The rows with shuffled labels: of each source's usable clips of a use, a random half is fake."""
    rng, labels = np.random.default_rng([seed, draw]), rows["label"].to_numpy(copy=True)
    places = rows.reset_index(drop=True).query("status == @OK").groupby(["source", "use"]).groups
    for _, group in sorted(places.items()):
        shuffled = rng.permutation(np.asarray(group))
        half = (len(shuffled) + rng.integers(2)) // 2  # of an odd number, the larger half as often as the smaller
        labels[shuffled[:half]], labels[shuffled[half:]] = 1, 0
    return rows.assign(label=labels)


def usable(rows: pd.DataFrame, use: str) -> pd.DataFrame:
    """The usable clips of one use; DataError if they lack a class."""
    rows = rows.loc[(rows["use"] == use) & (rows["status"] == OK)].reset_index(drop=True)
    for label, name in ((0, "real"), (1, "fake")):
        if label not in set(rows["label"]):
            raise DataError(f"no usable {name} clip with use {use!r}: a fit needs both classes there")
    return rows
