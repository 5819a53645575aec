"""Table 4: how many clips of each source, how they are split, what curation removed, printed beside ours."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.core.errors import DataError
from thb.core.tables import CORPUS_COLUMNS, CURATION_COLUMNS, read_csv
from thb.report import style, tables, vouched
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results

PRINTED_COLUMNS = ["generator", "total", "train", "test", "ratio_removed_pct_approx", "key_artifacts"]
SPLITS = ("train", "val", "test")
ROLE, ARTEFACTS, RATES, SIZES = "Role", "Key artefacts, printed", "Frames a second", "Frame sizes"
TOTAL = "TOTAL"  # the printed table's last row
ROLES = {
    "generator": "generator",
    "unseen": "unseen generator, tested only",
    "real": "real",
    "swap": "face swap",
}


def build() -> Exhibit:
    results = open_results()
    rows = statistics(results)
    return Exhibit(
        title="Statistics of the corpus",
        html=_html(results, rows),
        rows=rows,
        drawing=_draw(rows),
        alt="Bars: clips of each source in train, validation and test; below, the "
        "share of renders that curation removed, dots reproduced here and hollow diamonds printed.",
    )


def statistics(results: Results) -> pd.DataFrame:
    """A row per source and one for all fakes: counts here and printed, shares removed in per cent."""
    corpus, removed = read_corpus(results), read_curation(results)
    printed = _printed(results).set_index("generator")
    out = [_row(results, name, corpus[corpus["source"] == name], removed, printed) for name in results.params.sources]
    fakes = results.params.of_role("generator", "unseen")
    total = _row(results, TOTAL, corpus[corpus["source"].isin(fakes)], removed, printed, fakes)
    return pd.DataFrame([*out, total])


def read_corpus(results: Results) -> pd.DataFrame:
    corpus = vouched.corpus(results.paths, results.params, results.paths.corpus, CORPUS_COLUMNS)
    if off := sorted(set(corpus["source"]) ^ set(results.params.sources)):
        raise DataError(f"corpus.csv and params.yaml differ in source {off[0]!r}; run `dvc repro`")
    return corpus


def read_curation(results: Results) -> pd.DataFrame:
    """Renders made and removed a source; empty where the corpus came curated and nobody counted."""
    return vouched.corpus(results.paths, results.params, results.paths.curation, CURATION_COLUMNS).set_index("source")


def _printed(results: Results) -> pd.DataFrame:
    return read_csv(results.paths.published / "table4_stats.csv", PRINTED_COLUMNS)


def _row(
    results: Results,
    name: str,
    corpus: pd.DataFrame,
    removed: pd.DataFrame,
    printed: pd.DataFrame,
    members: list[str] | None = None,
) -> dict:
    source = results.params.sources.get(name)
    counts = corpus.groupby("split")["clips"].sum()
    own = removed.loc[[m for m in members or [name] if m in removed.index]]
    theirs = (
        printed.loc[source.printed if source else name]
        if (source.printed if source else name) in printed.index
        else pd.Series({c: float("nan") for c in PRINTED_COLUMNS})
    )
    return {
        "source": "All fakes" if members else source.printed,
        "role": ROLES[source.role] if source else "all fakes",
        "total": int(counts.sum()),
        "printed_total": theirs["total"],
        **{split: int(counts.get(split, 0)) for split in SPLITS},
        "printed_train": theirs["train"],
        "printed_test": theirs["test"],
        "removed_percent": 100 * own["removed"].sum() / own["made"].sum() if len(own) else float("nan"),
        "printed_removed_percent": theirs["ratio_removed_pct_approx"],
        "unusable": int((corpus["clips"] - corpus["ok"]).sum()),
        "seconds": round(float(corpus["seconds"].sum()), 1),
        "fps": _spread(corpus["fps"]),
        "size": _spread(corpus["size"]),
        "printed_artefacts": theirs["key_artifacts"] if isinstance(theirs["key_artifacts"], str) else "",
    }


def _spread(column: pd.Series) -> str:
    """The distinct values that stand in these rows, in ascending order; a cell may hold several."""
    values = {value.strip() for cell in column.dropna() for value in str(cell).split(";") if value.strip()}
    return ", ".join(sorted(values, key=lambda value: float(value.split("x")[0])))


def _html(results: Results, rows: pd.DataFrame) -> str:
    theirs = "<small>printed</small>"
    heads = [
        "Source",
        ROLE,
        "Clips",
        theirs,
        "Train + val",
        theirs,
        "Test",
        theirs,
        "Removed, %",
        "<small>printed, about</small>",
        ARTEFACTS,
    ]
    counts = tables.table(
        "Clips and splits <small>· reproduced here, and printed beside</small>",
        heads,
        [_counts_body(row) for _, row in rows.iterrows()],
        words={ROLE, ARTEFACTS},
    )
    facts = tables.table(
        "What the container gives away <small>· frame rates and sizes of each source</small>",
        ["Source", RATES, SIZES, "Seconds", "Unusable clips"],
        [_facts_body(row) for _, row in rows.iterrows() if row["role"] != "all fakes"],
        words={RATES, SIZES},
    )
    return counts + facts + tables.notes(_notes(results, rows))


def _counts_body(row: pd.Series) -> str:
    cells = [tables.plain(row[c]) for c in ("role", "total", "printed_total")]
    cells += [
        tables.plain(row["train"] + row["val"]),
        tables.plain(row["printed_train"]),
        tables.plain(row["test"]),
        tables.plain(row["printed_test"]),
    ]
    cells += [
        _percent(row["removed_percent"]),
        tables.plain(row["printed_removed_percent"]),
        tables.plain(row["printed_artefacts"]),
    ]
    return tables.body([tables.row(tables.text(row["source"]), cells, "total" if row["role"] == "all fakes" else "")])


def _percent(value: float) -> str:
    return tables.plain(value) if math.isnan(value) else f'<td data-value="{value:.6g}">{value:.1f}</td>'


def _facts_body(row: pd.Series) -> str:
    cells = [
        tables.plain(row["fps"]),
        tables.plain(row["size"]),
        tables.plain(row["seconds"]),
        tables.plain(row["unusable"]),
    ]
    return tables.body([tables.row(tables.text(row["source"]), cells)])


def _notes(results: Results, rows: pd.DataFrame) -> list[str]:
    lines = [
        "The paper counts validation clips as training clips, so ours are added up for the comparison; "
        "the CSV keeps them apart.",
        "The artefacts are those that the authors noted while curating; the percentages are the paper's own "
        "approximations.",
    ]
    if results.params.active.corpus == "mini":
        lines.append(
            "Here a render is removed when its simulated faults are stronger than the limit "
            "<code>curation</code> in <code>params.yaml</code>; nobody looked at them."
        )
    unusable = int(rows[rows["role"] != "all fakes"]["unusable"].sum())
    lines.append(
        f"Clips that cannot be used: {unusable}; <code>results/coverage.csv</code> names them and says why."
        if unusable
        else "Every clip could be used."
    )
    return lines


def _draw(rows: pd.DataFrame) -> Figure:
    shown = rows[rows["role"] != "all fakes"].reset_index(drop=True)
    removed = shown[shown[["removed_percent", "printed_removed_percent"]].notna().any(axis=1)].reset_index(drop=True)
    with style.look():
        figure, (counts, shares) = style.panels([0.24 * len(shown) + 0.9, 0.24 * len(removed) + 0.9])
        _bars(counts, shown)
        _shares(shares, removed)
    return figure


def _bars(ax: Axes, rows: pd.DataFrame) -> None:
    left = pd.Series(0, index=rows.index)
    for split, colour in zip(SPLITS, style.COLOURS, strict=False):
        ax.barh(rows.index, rows[split], left=left, color=colour, height=0.62, label=split)
        left = left + rows[split]
    ax.set(xlabel="clips", title="Clips by split")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_yticks(rows.index, rows["source"])
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.legend(ncols=len(SPLITS), loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)


def _shares(ax: Axes, rows: pd.DataFrame) -> None:
    colour = style.COLOURS[0]
    ax.plot(rows["removed_percent"], rows.index, "o", color=colour, label="reproduced")
    ax.plot(
        rows["printed_removed_percent"],
        rows.index,
        "D",
        color=colour,
        mfc="white",
        label="printed (approximate)",
    )
    ax.set(xlim=(-3, 103), xlabel="renders removed (%)", title="Curation")
    ax.set_yticks(rows.index, rows["source"])
    ax.invert_yaxis()
    ax.grid()
    ax.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
