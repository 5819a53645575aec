"""How many clips are listed, found, missing and unlisted, beside what was published."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import pandas as pd

from thb.clips.clip_store import read_clips
from thb.core.errors import DataError
from thb.core.params import Params, Source
from thb.core.paths import Paths
from thb.core.tables import ERROR, MISSING, OK, read_csv
from thb.corpus import layout

COLUMNS = ["source", "split", "listed", "found", "missing", "unlisted", "damaged"]
COMPARED = ["source", "part", "here", "printed", "difference"]
LEARNT = "train + val"  # Table 4's "train" holds the validation clips too
RELEASED = "all, today"


def rows(paths: Paths, params: Params) -> tuple[pd.DataFrame, dict[str, str]]:
    """A row per clip on the disk, status `error` where `prepare` could not use it; and source -> why it has none."""
    tables, faults = [], {}
    for name, source in params.sources.items():
        try:
            tables.append(pd.DataFrame(layout.list_clips(paths, name, source)))
            tables[-1] = _marked(paths, params, name, tables[-1])
        except DataError as e:
            faults[name] = str(e)
        if params.active.corpus == "hub" and (why := layout.without_clips(paths, source)):
            faults[name] = f"{why}; run `thb fetch`, or put the clips there" + _all_missing(paths, source)
    return pd.concat([pd.DataFrame(columns=layout.ROW_COLUMNS), *tables], ignore_index=True), faults


def _all_missing(paths: Paths, source: Source) -> str:
    number = _released(paths.published).get(source.printed)
    return f"; all {number} of the release are missing" if number else ""


def _marked(paths: Paths, params: Params, name: str, table: pd.DataFrame) -> pd.DataFrame:
    if table.empty or not (paths.clips(name) / "clips.parquet").is_file():
        return table
    prepared = read_clips(paths, params, name)
    damaged = table["clip"].isin(prepared.loc[prepared["status"] == ERROR, "clip"]) & (table["status"] == OK)
    return table.assign(status=table["status"].mask(damaged, ERROR))


def count(paths: Paths, params: Params, clips: pd.DataFrame, faults: Container[str]) -> pd.DataFrame:
    """COLUMNS, a row per source and split; files in no list stand in the row of their source's first split."""
    out = []
    for name, source in params.sources.items():
        own = clips.loc[clips["source"] == name]
        unlisted = 0 if name in faults else len(layout.unlisted(paths, name, source))
        splits = ["test"] if source.role == "unseen" else ["train", "val", "test"]
        splits += [""] * ("" in set(own["split"]))  # files whose name or place tells no split
        for split in splits:
            statuses = list(own.loc[own["split"] == split, "status"])
            n, missing = len(statuses), statuses.count(MISSING)
            out.append((name, split, n, n - missing, missing, unlisted, statuses.count(ERROR)))
            unlisted = 0
    return pd.DataFrame(out, columns=COLUMNS)


def compare(params: Params, counts: pd.DataFrame, published: Path) -> pd.DataFrame:
    """COMPARED: clips found here against Table 4 and against the release as it is today."""
    printed, released = _table4(published), _released(published)
    out = []
    for name, source in params.sources.items():
        own = counts.loc[counts["source"] == name]
        found = dict(zip(own["split"], own["found"], strict=True))
        here = {LEARNT: found.get("train", 0) + found.get("val", 0), "test": found.get("test", 0)}
        here[RELEASED] = sum(here.values())
        theirs = dict(printed.get(source.printed, {}))
        if source.printed in released:
            theirs[RELEASED] = released[source.printed]
        out += [(name, part, here[part], n, here[part] - n) for part, n in theirs.items()]
    return pd.DataFrame(out, columns=COMPARED)


def _table4(published: Path) -> dict[str, dict[str, int]]:
    table = read_csv(published / "table4_stats.csv", ["generator", "train", "test"])
    return {row["generator"]: {LEARNT: int(row["train"]), "test": int(row["test"])} for row in table.to_dict("records")}


def _released(published: Path) -> dict[str, int]:
    table = read_csv(published / "release_counts.csv", ["source", "clips", "when", "from"])
    return dict(zip(table["source"], table["clips"], strict=True))
