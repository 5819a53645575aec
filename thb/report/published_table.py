"""Tables 1, 2 and 3 as printed: benchmarks, generators and detectors, and which of them this package runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from thb.core.errors import ParamsError, unknown
from thb.core.tables import read_csv
from thb.report import published_dots, published_notes, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results

HERE = "In this package"
WORDS = {"yes": "yes", "no": "no", "yes_lipsync_only": "lips only"}  # how the printed ticks and crosses read


@dataclass(frozen=True)
class Printed:
    """One printed table: its file, what is said above it, its columns with our heads, and the key of a row."""

    file: str
    title: str
    says: str
    heads: dict[str, str]
    counts: tuple[str, ...]
    role: Callable[[Results, dict], str]
    notes: Callable[[Results, pd.DataFrame], list[str]]

    @property
    def key(self) -> str:
        return next(iter(self.heads))


PRINTED = {
    1: Printed(
        "table1_datasets.csv",
        "Benchmarks side by side",
        "what each holds, as the paper counts it",
        {
            "dataset": "Benchmark",
            "talking_head": "Talking heads",
            "n_generators": "Generators",
            "modality": "Holds",
            "curation": "Curated",
            "year": "Year",
            "real_count": "Real",
            "fake_count": "Fake",
        },
        ("year", "real_count", "fake_count"),
        published_notes.role_of_dataset,
        published_notes.of_datasets,
    ),
    2: Printed(
        "table2_generators.csv",
        "Generators of talking heads",
        "what each is fed, and where it was published",
        {
            "generator": "Generator",
            "modality": "Fed with",
            "framework": "Kind",
            "venue": "Venue",
            "code_available": "Code",
            "used_in_thb": "Used by the paper",
        },
        (),
        published_notes.role_of_generator,
        published_notes.of_generators,
    ),
    3: Printed(
        "table3_detectors.csv",
        "Detectors of deepfakes",
        "what each looks at, and where it was published",
        {
            "detector": "Detector",
            "modality": "Looks at",
            "framework": "Kind",
            "venue": "Venue",
            "code_available": "Code",
            "benchmarked": "Used by the paper",
        },
        (),
        published_notes.role_of_detector,
        published_notes.of_detectors,
    ),
}


def build(table: int = 1, palette: str = style.PALETTE) -> Exhibit:
    """The exhibit of one of the three tables."""
    style.palette(palette)
    results, printed = open_results(), _known(table)
    rows = listed(results, table)
    draw = published_dots.counts if printed.counts else published_dots.years
    return Exhibit(
        title=printed.title,
        html=_html(results, printed, rows),
        rows=rows,
        drawing=draw(rows, printed.key, palette),
        alt=published_dots.alt(rows, printed.key),
    )


def _known(table: int) -> Printed:
    if table not in PRINTED:
        raise ParamsError(unknown("table", table, PRINTED))
    return PRINTED[table]


def listed(results: Results, table: int) -> pd.DataFrame:
    """The printed rows, and in `here` what this package does with each ('': nothing)."""
    printed = _known(table)
    rows = read_csv(results.paths.published / printed.file, list(printed.heads)).astype(str)
    return rows.assign(here=[printed.role(results, row) for row in rows.to_dict("records")])


def _html(results: Results, printed: Printed, rows: pd.DataFrame) -> str:
    heads = [*printed.heads.values(), HERE]
    bodies = [tables.body([_row(printed, row)]) for row in rows.to_dict("records")]
    words = {head for column, head in printed.heads.items() if column not in printed.counts} | {HERE}
    table = tables.table(f"{printed.title} <small>· {printed.says}</small>", heads, bodies, words=words)
    return table + tables.notes(printed.notes(results, rows))


def _row(printed: Printed, row: dict) -> str:
    first, *others = printed.heads
    cells = [_cell(printed, column, row[column]) for column in others]
    return tables.row(tables.text(row[first]), [*cells, tables.plain(row["here"])], "total" if row["here"] else "")


def _cell(printed: Printed, column: str, value: str) -> str:
    return _count(column, value) if column in printed.counts else tables.plain(WORDS.get(value, value))


def _count(column: str, printed: str) -> str:
    """<td> of a count, which a year is not: it has no thousands; one that is only bounded says so."""
    value, bounded = published_dots.count(printed)
    shown = printed if column == "year" else f"{'≥ ' if bounded else ''}{value:,}"
    return f'<td data-value="{value}">{shown}</td>'


def sentences(results: Results) -> list[str]:
    """How much of each printed list the paper used and this package runs."""
    datasets, generators, detectors = (listed(results, table) for table in PRINTED)
    heads = (datasets["talking_head"] == "yes").sum()
    return [
        f"Of the {len(datasets)} benchmarks in the paper's first table, {heads} hold talking heads whose whole face is "
        f"made, itself included; {(datasets['talking_head'] == 'yes_lipsync_only').sum()} change the lips only.",
        f"Of the {len(generators)} generators in its second table the paper used "
        f"{(generators['used_in_thb'] == 'yes').sum()}; {_run(generators, 'generator')} stand in this package.",
        f"Of the {len(detectors)} detectors in its third table the paper tested "
        f"{(detectors['benchmarked'] == 'yes').sum()}; this package runs {_run(detectors, 'detector')}.",
    ]


def _run(rows: pd.DataFrame, key: str) -> str:
    """'4 (CADDM, TALL, ...)'."""
    names = rows.loc[rows["here"] != "", key]
    return f"{len(names)} ({tables.text(', '.join(names))})" if len(names) else "none"
