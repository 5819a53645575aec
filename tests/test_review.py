"""`thb verify --paper` and `thb review`: what is said of printed cells, of the run and of the claims."""

from __future__ import annotations

import json
import subprocess

import pytest
from typer.testing import CliRunner

from thb.cells.columns import CELL_COLUMNS
from thb.cells.printed import printed_cells
from thb.cli.main import app
from thb.core import origin
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv, write_json
from thb.review import paper
from thb.review.verify import AGREES, DIFFERS, NOT_COMPARABLE, SAME, UNCHECKED


@pytest.fixture
def published(made):
    """The check as of profile paper, on cells that an edit of the printed ones gives."""

    def check(edit=lambda rows: rows):
        rows = read_csv(made.cells, CELL_COLUMNS)
        printed = rows["printed"]
        rows = rows.assign(value=printed.fillna(0.5), resolvable="firm", n_fake=28)
        write_csv(edit(rows.assign(lo=rows["value"] - 0.01, hi=rows["value"] + 0.01)), made.cells, CELL_COLUMNS)
        return paper.check(made, load(made.params).model_copy(update={"profile": "paper"}))

    return check


def moved(n):
    """Put the intervals of the first n printed cells beside their printed number."""

    def edit(rows):
        odd = rows.index.isin(rows.index[rows["printed"].notna()][:n])
        return rows.assign(lo=rows["lo"].mask(odd, -0.7), hi=rows["hi"].mask(odd, -0.6))

    return edit


def test_on_rendered_clips_the_printed_cells_are_compared_and_never_judged(made):
    params = load(made.params)
    found = paper.check(made, params)
    assert (found.verdict, found.differing) == (NOT_COMPARABLE, [])
    assert sum(row["printed"] for row in found.rows) == len(printed_cells(made.published))
    (row,) = [row for row in found.rows if (row["protocol"], row["metric"]) == ("P1", "AUC")]
    cells = read_csv(made.cells, CELL_COLUMNS).query("protocol == 'P1' and metric == 'AUC' and printed == printed")
    both = cells[cells["resolvable"] != ""]
    apart = both["value"] - both["printed"]
    assert (row["both"], row["inside"]) == (
        len(both),
        sum(both["printed"].between(both["lo"] - 0.005, both["hi"] + 0.005)),
    )
    assert row["rank correlation"] == round(both["value"].corr(both["printed"], "spearman"), 2)
    assert row["mean difference"] == round(apart.mean(), 2)
    furthest = both.loc[apart.abs().idxmax()]
    assert row["furthest"].startswith(
        f"{furthest['detector']} {furthest['generator']} {furthest['value']:.2f}, printed "
    )


def test_cells_that_are_not_resolved_are_counted_and_not_compared(made):
    rows = read_csv(made.cells, CELL_COLUMNS)
    write_csv(rows.assign(resolvable=rows["resolvable"].mask(rows["metric"] == "T1", "")), made.cells, CELL_COLUMNS)
    found = {(row["protocol"], row["metric"]): row for row in paper.check(made, load(made.params)).rows}
    assert (found["P1", "T1"]["printed"], found["P1", "T1"]["both"]) == (24, 0)
    assert found["P1", "AUC"]["both"] == 24


def test_on_the_published_clips_more_outside_than_chance_leaves_differs(published):
    assert published().verdict == AGREES
    assert published(moved(5)).verdict == AGREES  # as of 234 intervals at 95 % some must be
    found = published(moved(40))
    assert (found.verdict, len(found.differing)) == (DIFFERS, 40)
    assert found.differing[0].split(":")[0].count(" ") == 3
    assert published(lambda rows: rows.assign(n_fake=0)).verdict == UNCHECKED


def test_the_verdict_of_the_command_heeds_it(made, filled):
    done = CliRunner().invoke(app, ["verify", "--paper", "--against", str(filled)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "PASS")
    assert "not comparable the paper" in done.output
    written = json.loads((made.root / "verify.json").read_text())
    assert written["checks"][-1]["rows"][0]["protocol"] == "P1"
    assert "| P1 | AUC | 24 | 24 |" in (made.root / "verify.md").read_text()


# ---- review -------------------------------------------------------------------------------------------


@pytest.fixture
def reviewed(made, filled):
    def run():
        done = CliRunner().invoke(app, ["review", "--against", str(filled)])
        assert done.exit_code == 0, done.output
        return json.loads((made.root / "review.json").read_text()), (made.root / "review.md").read_text()

    return run


def test_a_review_says_what_agrees_what_was_not_checked_and_what_holds(made, reviewed):
    about, told = reviewed()
    verdicts = {check["name"]: check["verdict"] for check in about["checks"]}
    assert about["verdict"] == "PASS"
    assert verdicts["cells"] == SAME
    assert (verdicts["exhibits"], verdicts["other files"]) == (UNCHECKED, UNCHECKED)
    assert told.startswith("# Review: PASS\n")
    assert {"id", "verdict", "here"} <= set(about["claims"][0])
    assert f"| {about['claims'][0]['id']} | " in told
    assert {"system", "python", "cores"} <= set(about["system"])
    params = load(made.params)
    assert len(about["runs"]) == len(params.detectors) * len(params.fits)
    assert about["commands"]["one fit trained again"].split()[-2:] == [next(iter(params.detectors)), params.fits[-1]]


def test_a_review_names_what_differs(made, reviewed):
    rows = read_csv(made.scores("tall", "all"), SCORE_COLUMNS)
    write_csv(rows.assign(score=1 - rows["score"]), made.scores("tall", "all"), SCORE_COLUMNS)
    pools = made.pools("tall")
    pools.write_text(pools.read_text() + "\n")
    about, told = reviewed()
    assert about["verdict"] == "FAIL"
    assert "- results/scores/tall/all.csv: clip '" in told
    assert f"- results/pools/{pools.name} is other than in the reference" in told


def test_how_long_a_fit_took_is_told_where_its_record_is(made, reviewed):
    folder, beside = made.run("tall", "all"), made.scores("tall", "all").with_suffix(".json")
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"weights")
    write_json({"hardware": "a CPU", "seconds": 90.0}, folder / "took.json")
    sha = origin.sha256(folder / "weights.safetensors")
    write_json({**json.loads(beside.read_text()), "weights_sha256": [sha]}, beside)
    about, told = reviewed()
    (row,) = [row for row in about["runs"] if (row["detector"], row["fit"]) == ("tall", "all")]
    assert (row["weights"], row["hardware"], row["seconds"]) == ("as recorded", "a CPU", 90.0)
    assert "of which 1 have their time on record here: 1.5 min in all" in told


def test_a_checkout_with_changes_says_which(made, reviewed):
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(made.root)]
    for words in (["init", "-q"], ["add", "params.yaml", "results"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    with made.params.open("a") as file:
        file.write("# changed\n")
    about, told = reviewed()
    assert " M params.yaml" in about["changed"]
    assert f"Commit {about['commit']} ({len(about['changed'])} files changed)" in told
    assert len(about["commit"]) == 40


def test_claims_of_results_that_other_code_made_are_not_judged(made, reviewed, count_as_changed):
    from thb.core import code

    count_as_changed(code.HOME / "cells" / "evaluate.py")
    about, told = reviewed()
    assert about["claims"] == []
    assert "Not judged: " in told
    assert "made by other code of evaluate" in about["claims_unjudged"]
