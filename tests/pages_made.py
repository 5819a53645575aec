"""All that the book prints, from a clone whose cells and comparisons come of made-up scores by `evaluate`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import book_made
import nbformat
import pandas as pd
import results_made
import vouching

from thb.book import exhibit, numbers, rows
from thb.cells import comparisons, evaluate
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv, write_json
from thb.report import saving
from thb.report.load import Results, open_results

ABSENT = "its clips are not at hand"
COLUMNS = ("rests_on", "here_rests_on", "lost_told", "gained_told")  # of rows, with answers as JSON


def clone(repo: Path, root: Path, draws: int, change: Callable[[Paths], object] = lambda paths: None) -> Results:
    """Everything consistent, after `change` of the scores."""
    paths = results_made.clone(repo, root)
    results_made.fill(paths)
    results_made.few_draws(paths, draws)
    change(paths)
    evaluated(paths, load(paths.params))
    return open_results(paths.root)


def evaluated(paths: Paths, params: Params) -> None:
    """What `evaluate` makes of the scores that are there, without their clips; an empty file is a fit left out."""
    scores = {(d, fit): read_csv(paths.scores(d, fit), SCORE_COLUMNS) for d in params.detectors for fit in params.fits}
    absent = {key: ABSENT for key, table in scores.items() if table.empty}
    found = list(evaluate.of_scores(params, {k: table for k, table in scores.items() if k not in absent}, absent))
    write_csv(pd.DataFrame(evaluate._cells(paths, params, found)), paths.cells, CELL_COLUMNS)
    write_csv(comparisons.table(params, found), paths.comparisons, COMPARISON_COLUMNS)
    write_json(evaluate.summary(params, found, absent), paths.metrics)
    vouching.vouch(paths, params)


def pages(results: Results) -> dict[str, str]:
    """place -> what is printed there: the numbers and small tables of each page, every exhibit, its rows' answers."""
    with book_made.standing_in(results.paths):
        return _pages(results)


def _pages(results: Results) -> dict[str, str]:
    made(results)
    found = {f"page {page.stem}": on_page(results, page) for page in sorted(results.paths.book.glob("*/*.md"))}
    found["page index"] = on_page(results, results.paths.book / "index.md")
    for name in results.params.exhibits:
        if not (notebook := results.paths.executed / f"{name}.ipynb").is_file():
            continue
        rows = pd.read_csv(notebook.with_suffix(".csv"), keep_default_na=False)
        answers = [cell for column in COLUMNS if column in rows for cell in rows[column] if cell]
        outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", [])]
        found |= {
            f"exhibit {name}": "\n".join(filter(_is_set, (o.get("data", {}).get("text/html", "") for o in outputs))),
            f"rows {name}": "".join(map(as_mark, answers)),
        }
    return found


def _is_set(html: str) -> bool:
    """Whether it is a table of ours; else it shows the first rows as pandas does, without a mark."""
    return 'class="dataframe"' not in html


def made(results: Results) -> None:
    """Every exhibit that these results allow, its figures empty: they take most of the time, and no test reads them."""
    with (
        mock.patch.object(exhibit, "_run_once", book_made.run_here),
        mock.patch.object(saving, "as_bytes", return_value=b"<svg/>"),
    ):
        for name, given in results.params.exhibits.items():
            cams = given["notebook"] == "gradcam_panel"
            if not cams or (results.paths.cams(given["detector"]) / "panels.npz").is_file():
                exhibit.run(results.paths, results.params, name)


def on_page(results: Results, page: Path) -> str:
    """The numbers and small tables of a page of prose."""
    source = page.read_text(encoding="utf-8")
    known = numbers.all_numbers(results)
    values = [known[name].shown for name in re.findall(r"\{\{ (\w+) \}\}", source)]
    return "\n".join([*values, *(rows.render(results, name, **options) for name, options in small_tables(source))])


def small_tables(source: str) -> list[tuple[str, dict[str, Any]]]:
    """(what it reads, the arguments of `rows.render`) of every `{rows}` directive on a page."""
    found = []
    for name, block in re.findall(r"```\{rows\} (\S+)\n(.*?)```", source, re.S):
        options: dict[str, Any] = dict(re.findall(r"^:(\w+): *(.*)$", block, re.M))
        options |= {key: rows.pairs(options[key]) for key in ("columns", "words") if key in options}
        found.append((name, options | {flag: True for flag in ("count", "markup", "sortable") if flag in options}))
    return found


def as_mark(answers: str) -> str:
    return f'<span class="thb-told" data-told="{html.escape(answers)}"></span>'
