"""Figure 1: the way of a clip from portrait and driver to a protocol, counts here and as printed."""

from __future__ import annotations

import pandas as pd

from thb.report import contact_sheet, pipeline_boxes, statistics_table, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.report.pipeline_boxes import CURATED, FAKES, MADE, REALS, REMOVED, SPLIT, TEST, TRAIN

COLUMNS = ["step", "what", "here", "printed"]
NAN = float("nan")


def build(palette: str = style.PALETTE) -> Exhibit:
    """The exhibit; frames are shown of the embedded corpus only."""
    style.palette(palette)
    results = open_results()
    rows = counted(results)
    frames, sources, _ = contact_sheet.read(results)
    first = {source: own[0, 0] for source, own in zip(sources, frames, strict=True)}
    return Exhibit(
        title="The way of a clip",
        html=_html(results, rows, bool(first)),
        rows=rows,
        drawing=pipeline_boxes.draw(results, rows, first, palette),
        alt=_alt(results, bool(first)),
    )


def counted(results: Results) -> pd.DataFrame:
    """COLUMNS: clips after every step, of each generator and together; nan where nobody counted."""
    sources = statistics_table.statistics(results).set_index("source")
    made = statistics_table.read_curation(results)["made"]
    fakes = [results.label(s) for s in results.params.of_role("generator", "unseen")]
    reals = sources[sources["role"] == statistics_table.ROLES["real"]]
    out = [(MADE, results.label(s), made.get(s, NAN), NAN) for s in results.params.of_role("generator", "unseen")]
    out += [(MADE, FAKES, made.sum() if len(made) else NAN, NAN)]
    out += [(CURATED, name, sources.loc[name, "total"], sources.loc[name, "printed_total"]) for name in [*fakes, FAKES]]
    out += [(REMOVED, FAKES, *sources.loc[FAKES, ["removed_percent", "printed_removed_percent"]])]
    out += [(CURATED, REALS, reals["total"].sum(), _printed_reals(results))]
    out += [
        (SPLIT, f"{name}, {split}", *pair)
        for name, group in ((FAKES, sources.loc[[FAKES]]), (REALS, reals))
        for split, pair in _splits(group, name == FAKES).items()
    ]
    return pd.DataFrame(out, columns=COLUMNS).astype({"here": float, "printed": float})


def _splits(group: pd.DataFrame, printed: bool) -> dict[str, tuple[float, float]]:
    """Train and validation together, as the paper counts them, and test; it does not print them of reals."""
    return {
        TRAIN: (group["train"].sum() + group["val"].sum(), group["printed_train"].sum() if printed else NAN),
        TEST: (group["test"].sum(), group["printed_test"].sum() if printed else NAN),
    }


def _printed_reals(results: Results) -> float:
    table = pd.read_csv(results.paths.published / "table1_datasets.csv").set_index("dataset")
    return float(table.loc["TalkingHeadBench (Ours)", "real_count"])


def _alt(results: Results, frames: bool) -> str:
    generators = ", ".join(results.label(s) for s in results.params.of_role("generator", "unseen"))
    return (
        f"Boxes and arrows from top to bottom: portraits and drivers; the generators {generators}"
        f"{', with a frame of each' if frames else ''}; curation; fakes kept, and reals that join "
        "them; the splits; the protocols."
    )


def _html(results: Results, rows: pd.DataFrame, frames: bool) -> str:
    heads = ["Clips", "Step", "Here", "<small>printed</small>"]
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(r["what"]),
                    [tables.plain(r["step"]), _count(r["here"]), _count(r["printed"])],
                    "total" if r["what"].startswith("All") else "",
                )
            ]
        )
        for r in rows.to_dict("records")
    ]
    table = tables.table("Clips along the way <small>· here, and as printed</small>", heads, bodies, words={"Step"})
    return table + tables.notes(_notes(results, rows, frames))


def _count(value: float) -> str:
    return tables.plain(value) if pd.isna(value) else f'<td data-value="{value:.6g}">{value:,.0f}</td>'


def _notes(results: Results, rows: pd.DataFrame, frames: bool) -> list[str]:
    lines = ["Training clips include those for validation, as in the paper's own count."]
    lines += (
        ["Each frame is the first kept one of the first test clip of its source by name."]
        if frames
        else [contact_sheet.NOT_SHOWN]
    )
    if rows.loc[rows["step"] == MADE, "here"].isna().all():
        lines.append("How many clips were made before curation is not known of this corpus.")
    return [
        *lines,
        "The paper prints how many clips were kept and about which share was not, but not how many were "
        "made; MAGI-1 and Hallo3 are for testing only.",
    ]


def sentences(results: Results) -> list[str]:
    """How many clips were made, kept and set aside for testing, beside the printed counts."""
    rows = counted(results).set_index(["step", "what"])
    kept, made = rows.loc[(CURATED, FAKES)], rows.loc[(MADE, FAKES), "here"]
    test = rows.loc[(SPLIT, f"{FAKES}, {TEST}")]
    before = "" if pd.isna(made) else f"{made:,.0f} fakes were made and "
    return [
        f"Here {before}{kept['here']:,.0f} kept, {test['here']:,.0f} of them for testing; the paper kept "
        f"{kept['printed']:,.0f}, {test['printed']:,.0f} of them for testing."
    ]
