"""All that the book prints, from a clone whose cells and comparisons come of made-up scores by `evaluate`."""

from __future__ import annotations

import html as escaping
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import results_made
import vouching

from notebooks import run
from thb.book.numbers import all_numbers
from thb.cells import comparisons, evaluate
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.core.tables import CELL_COLUMNS, COMPARISON_COLUMNS, SCORE_COLUMNS, read_csv, write_csv, write_json
from thb.report.load import Results, open_results

ABSENT = "its clips are not at hand"
COLUMNS = ("rests_on", "here_rests_on", "lost_told", "gained_told")  # of rows, with answers as JSON


def clone(repo: Path, root: Path, draws: int, change: Callable[[Paths], object] = lambda paths: None) -> Results:
    """Everything consistent, after `change` of the scores."""
    paths = results_made.clone(repo, root)
    results_made.fill(paths)
    paths.params.write_text(paths.params.read_text().replace("bootstrap: 1000", f"bootstrap: {draws}"))
    change(paths)
    evaluated(paths, load(paths.params))
    return open_results(paths.root)


def evaluated(paths: Paths, params: Params) -> None:
    """What `evaluate` makes of the scores that are there, without their clips; an empty file is a fit left out."""
    scores = {(d, fit): read_csv(paths.scores(d, fit), SCORE_COLUMNS) for d in params.detectors for fit in params.fits}
    absent = {key: ABSENT for key, table in scores.items() if table.empty}
    found = list(evaluate._evaluate(params, {k: table for k, table in scores.items() if k not in absent}, absent))
    write_csv(pd.DataFrame(evaluate._cells(paths, params, found)), paths.cells, CELL_COLUMNS)
    write_csv(comparisons.table(params, found), paths.comparisons, COMPARISON_COLUMNS)
    write_json(evaluate.summary(params, found) | evaluate._reasons(absent), paths.metrics)
    vouching.vouch(paths, params)


def pages(results: Results) -> dict[str, str]:
    """place -> what is printed there: every sentence of the pages, every exhibit, and its rows' answers."""
    found = {f"page {name}": number.shown for name, number in all_numbers(results).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THB_ROOT", str(results.paths.root))
        for name, given in results.params.exhibits.items():
            given = dict(given)
            notebook = given.pop("notebook")
            if notebook == "gradcam_panel" and not (results.paths.cams(given["detector"]) / "panels.npz").is_file():
                continue
            ran = run(notebook, **given)
            if exhibit := ran.names.get("exhibit"):
                html, alt, table = exhibit.html, exhibit.alt, exhibit.rows
            else:
                html, alt, table = ran.html, ran.alt, ran["rows"]
            rows = [cell for column in COLUMNS if column in table for cell in table[column] if cell]
            found |= {
                f"exhibit {name}": html,
                f"alt {name}": alt,
                f"rows {name}": "".join(map(as_mark, rows)),
            }
    return found


def as_mark(answers: str) -> str:
    return f'<span class="thb-told" data-told="{escaping.escape(answers)}"></span>'
