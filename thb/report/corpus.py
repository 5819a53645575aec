"""The clips at hand: how many of each source and where they go, what curation removed, frames of rendered ones."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from thb.core import origin
from thb.core.errors import DataError
from thb.core.tables import CORPUS_COLUMNS, CURATION_COLUMNS, read_csv
from thb.report import vouched
from thb.report.load import Results, open_results

PRINTED_COLUMNS = ["generator", "total", "train", "test", "ratio_removed_pct_approx", "key_artifacts"]
SPLITS = ("train", "val", "test")
TOTAL, FAKES = "TOTAL", "All fakes"  # the row of all of Table 4, printed and here
ROLES = {
    "generator": "generator",
    "unseen": "unseen generator, tested only",
    "real": "real",
    "swap": "face swap",
}
NOT_SHOWN = (
    "No frames are shown: those of published or private clips are not redistributed, "
    "and rendered ones are there only where they were rendered."
)


def read_corpus(results: Results) -> pd.DataFrame:
    """results/corpus.csv, of the sources in params.yaml. Raises DataError if it is of others."""
    corpus = vouched.corpus(results.paths, results.params, results.paths.corpus, CORPUS_COLUMNS)
    if off := sorted(set(corpus["source"]) ^ set(results.params.sources)):
        raise DataError(f"corpus.csv and params.yaml differ in source {off[0]!r}; run `dvc repro`")
    return corpus


def curation() -> pd.DataFrame:
    """Renders made and removed, a row a source as the paper names it; empty where nobody counted."""
    results = open_results()
    counted = vouched.corpus(results.paths, results.params, results.paths.curation, CURATION_COLUMNS)
    return counted.set_index("source").rename(index=results.label).loc[:, ["made", "removed"]].astype(float)


def clip_counts() -> pd.DataFrame:
    """A row a source, then one of all fakes: clips by split beside the printed ones, and what the files are like.

    Shares removed by curation are in per cent, `fps` and `size` list the distinct ones; nan where nobody counted.
    """
    results = open_results()
    corpus, curated = read_corpus(results), curation()
    printed = read_csv(results.paths.published / "table4_stats.csv", PRINTED_COLUMNS).set_index("generator")
    groups = {name: [name] for name in results.params.sources}
    rows = []
    for name, members in (groups | {TOTAL: results.params.of_role("generator", "unseen")}).items():
        own = corpus.loc[corpus["source"].isin(members)]
        counts = own.groupby("split")["clips"].sum()
        removed = curated.reindex([results.label(one) for one in members]).sum(min_count=1)
        label, role = (FAKES, "all fakes") if name == TOTAL else (results.label(name), ROLES[own["role"].iloc[0]])
        theirs = printed.reindex([TOTAL if name == TOTAL else label]).iloc[0]
        rows.append(
            {
                "source": label,
                "role": role,
                "total": int(counts.sum()),
                "printed_total": theirs["total"],
                **{split: int(counts.get(split, 0)) for split in SPLITS},
                "printed_train": theirs["train"],
                "printed_test": theirs["test"],
                "removed_percent": 100 * removed["removed"] / removed["made"],
                "printed_removed_percent": theirs["ratio_removed_pct_approx"],
                "unusable": int((own["clips"] - own["ok"]).sum()),
                "seconds": round(float(own["seconds"].sum()), 1),
                "fps": ", ".join(distinct(own["fps"])),
                "size": ", ".join(distinct(own["size"])),
                "printed_artefacts": "" if pd.isna(theirs["key_artifacts"]) else theirs["key_artifacts"],
            }
        )
    return pd.DataFrame(rows)


def distinct(column: Iterable) -> list[str]:
    """The distinct values that stand in these rows, in ascending order; a cell may hold several, joined by ';'."""
    values = {value.strip() for cell in column if pd.notna(cell) for value in str(cell).split(";")}
    return sorted(values - {""}, key=lambda value: float(value.split("x")[0]))


def frames() -> pd.DataFrame:
    """A row a clip of the contact sheet: source (as in params.yaml), label, role, family, clip, and its frames.

    `frames` is uint8 [frame, S, S, 3]. Empty for a corpus whose frames may not be shown, and where no clip has been
    made; raises DataError if the file is missing, of other clips, or holds frames of real ones.
    """
    results = open_results()
    path, params = results.paths.contact, results.params
    name, columns = results.paths.relative(path), ["source", "label", "role", "family", "clip", "frames"]
    if not path.is_file():
        if not results.paths.splits.is_dir():
            return pd.DataFrame(columns=columns)
        raise DataError(f"missing {name}; run `dvc repro` to make it")
    with np.load(path) as stored:
        pictures, sources, clips = stored["frames"], stored["sources"].tolist(), stored["clips"]
        made_by = json.loads(str(stored["made_by"])) if "made_by" in stored else None
    if params.active.corpus != "mini" and len(sources):
        raise DataError(f"{name} holds frames of real clips; they must not be shown")
    origin.check(made_by, origin.of_contact(results.paths, params), name, "thb contact")
    rows = [
        (source, results.label(source), ROLES[params.source(source).role], params.source(source).family, clip, shown)
        for source, own, names in zip(sources, pictures, clips, strict=True)
        for clip, shown in zip(names, own, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)
