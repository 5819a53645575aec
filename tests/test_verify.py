"""`thb verify`: what agrees, what differs, and which clip and cells that concerns."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.cli.main import app
from thb.core import metrics, origin
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.review import reference, verify
from thb.review.verify import AGREES, DIFFERS, SAME, UNCHECKED


@pytest.fixture
def theirs(filled):
    """The reference: what `made` was copied from."""
    return filled


def checks(made, theirs, exact=True):
    params = load(made.params)
    with reference.opened(made, params, str(theirs)) as known:
        return {check.name: check for check in verify.compare(made, params, known, exact)}


def change(path, columns, edit):
    write_csv(edit(read_csv(path, columns)), path, columns)


def one_score(table):
    fake = table.index[(table["source"] == "hallo") & (table["split"] == "test")][0]
    return table.assign(score=table["score"].where(table.index != fake, 1 - table["score"]))


def test_what_was_not_touched_is_the_same(made, theirs):
    found = checks(made, theirs)
    assert {check.verdict for name, check in found.items() if name != "exhibits"} == {SAME}
    assert found["exhibits"].verdict == UNCHECKED  # none has been made there
    assert verify.judge(found.values()) == verify.PASS


def test_a_score_that_was_changed_names_file_clip_and_the_cells_touched(made, theirs):
    change(made.scores("tall", "all"), SCORE_COLUMNS, one_score)
    found = checks(made, theirs)
    lines = found["score files"].differing
    assert found["score files"].verdict == DIFFERS
    assert any("results/scores/tall/all.csv is not the file that was written there" in line for line in lines)
    (line,) = [line for line in lines if "clip 'hallo/" in line]
    assert line.startswith("results/scores/tall/all.csv: clip 'hallo/")
    assert line.endswith("cells: P1 tall hallo")
    assert verify.judge(found.values()) == verify.FAIL


def test_a_real_clips_score_touches_every_cell_that_is_held_against_it(made, theirs):
    params = load(made.params)
    table = read_csv(made.scores("tall", "all"), SCORE_COLUMNS)
    real = table[(table["role"] == "real") & (table["split"] == "test")].head(1).reset_index(drop=True)
    file = verify.ScoreFile(made, params, "tall", "all")
    generators, unseen = (", ".join(params.of_role(role)) for role in ("generator", "unseen"))
    (cells,) = verify.touched(params, file, real).values()
    assert cells == f"P1 tall {generators}; unseen_P1 tall {unseen}"
    validated = table[table["use"] == "val"].head(1).reset_index(drop=True)
    assert list(verify.touched(params, file, validated).values()) == ["none"]


def test_swapped_files_of_two_detectors_are_refused(made, theirs):
    one, other = made.scores("tall", "all").parent, made.scores("caddm", "all").parent
    kept = one.with_name("kept")
    for source, target in ((one, kept), (other, one), (kept, other)):
        source.rename(target)
    lines = checks(made, theirs)["score files"].differing
    assert any(line.startswith("results/scores/tall/all.csv was made with other settings of score") for line in lines)


def test_a_file_that_is_missing_is_named(made, theirs):
    made.scores("tall", "all").unlink()
    assert "results/scores/tall/all.csv is in the reference only" in checks(made, theirs)["score files"].differing


def moved_cells(made, theirs, n, by):
    """The reference's cells, of which the first n AUCs are moved."""
    shutil.copy(theirs / "results" / "cells.csv", made.cells)

    def edit(table):
        first = table.index[table["metric"] == metrics.AUC][:n]
        return table.assign(value=table["value"] + table.index.isin(first) * by)

    change(made.cells, CELL_COLUMNS, edit)


def trained_again(made, edit=one_score):
    """Other weights of tall/all, and scores that came of them."""
    file, beside = made.scores("tall", "all"), made.scores("tall", "all").with_suffix(".json")
    change(file, SCORE_COLUMNS, edit)
    about = json.loads(beside.read_text())
    about["files"][file.name], about["weights_sha256"] = origin.sha256(file), ["others"]
    beside.write_text(json.dumps(about))


def test_of_fits_that_were_trained_again_luck_may_move_as_many_cells_as_it_does(made, theirs):
    trained_again(made)
    moved_cells(made, theirs, 40, 1e-4)
    assert checks(made, theirs, exact=False)["cells"].verdict == AGREES
    assert checks(made, theirs, exact=True)["cells"].verdict == DIFFERS
    allowed = verify.by_luck(40, load(made.params))
    assert allowed == 7  # the binomial law's: of 40 intervals of 95 %, more miss in less than one of 1,000 runs
    moved_cells(made, theirs, 40, -2)
    found = checks(made, theirs, exact=False)["cells"]
    assert (found.verdict, len(found.differing)) == (DIFFERS, 40)
    assert found.told.startswith("40 of ")
    assert f"luck alone: up to {allowed}" in found.told
    assert found.differing[0].startswith("P1 ")


def test_a_cell_that_lost_its_number_or_its_clips_is_no_luck(made, theirs):
    trained_again(made)
    for column, value in (("value", np.nan), ("n_fake", 3)):
        shutil.copy(theirs / "results" / "cells.csv", made.cells)
        change(made.cells, CELL_COLUMNS, lambda t, c=column, v=value: t.assign(**{c: t[c].where(t.index > 0, v)}))
        found = checks(made, theirs, exact=False)["cells"]
        assert (found.verdict, len(found.differing)) == (DIFFERS, 1)


def test_where_all_scores_are_the_same_so_are_the_cells(made, theirs):
    moved_cells(made, theirs, 1, 1e-4)
    assert checks(made, theirs, exact=False)["cells"].verdict == DIFFERS


def test_of_fits_that_were_trained_again_a_verdict_may_be_lost_and_not_turned(made, theirs):
    def told(table, verdict):
        first = table.index == table.index[table["verdict"].isin([ABOVE, BELOW])][0]
        return table.assign(verdict=table["verdict"].where(~first, verdict))

    trained_again(made)
    there = read_csv(theirs / "results" / "comparisons.csv", COMPARISON_COLUMNS)
    assert there["verdict"].isin([ABOVE, BELOW]).any(), "the reference tells nothing apart"
    was = there.loc[there["verdict"].isin([ABOVE, BELOW]), "verdict"].iloc[0]
    for now, verdict in ((INCONCLUSIVE, AGREES), ({ABOVE: BELOW, BELOW: ABOVE}[was], DIFFERS)):
        shutil.copy(theirs / "results" / "comparisons.csv", made.comparisons)
        change(made.comparisons, COMPARISON_COLUMNS, lambda t, now=now: told(t, now))
        found = checks(made, theirs, exact=False)["comparisons"]
        assert (found.verdict, len(found.differing)) == (verdict, 1)
        assert checks(made, theirs, exact=True)["comparisons"].verdict == DIFFERS


def test_fits_that_were_trained_again_are_judged_by_their_cells(made, theirs):
    trained_again(made)
    assert checks(made, theirs, exact=False)["score files"].verdict == AGREES
    assert checks(made, theirs, exact=True)["score files"].verdict == DIFFERS


def test_other_scores_of_the_same_weights_are_not(made, theirs):
    trained_again(made)
    beside = made.scores("tall", "all").with_suffix(".json")
    about = json.loads(beside.read_text())
    same = json.loads((theirs / "results/scores/tall/all.json").read_text()).get("weights_sha256")
    beside.write_text(json.dumps({**about, "weights_sha256": same}))
    found = checks(made, theirs, exact=False)["score files"]
    assert found.verdict == DIFFERS
    assert any("the weights are the reference's, and yet scores differ by" in line for line in found.differing)


def test_a_score_that_moves_by_less_than_is_kept_agrees(made, theirs):
    trained_again(made, lambda table: table.assign(score=table["score"] + 1e-10))
    assert checks(made, theirs, exact=False)["score files"].verdict == AGREES


def test_the_command_says_pass_or_fail_by_its_exit_code_and_its_files(made, theirs):
    done = CliRunner().invoke(app, ["verify", "--against", str(theirs)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "PASS")
    assert json.loads((made.root / "verify.json").read_text())["verdict"] == "PASS"
    assert (made.root / "verify.md").read_text().startswith("# PASS\n")
    change(made.scores("tall", "all"), SCORE_COLUMNS, one_score)
    done = CliRunner().invoke(app, ["verify", "--recompute", "--against", str(theirs)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, "FAIL")
    assert "not checked    cells" in done.output  # nothing is recomputed from scores that are not the reference's
    written = json.loads((made.root / "verify.json").read_text())
    assert written["verdict"] == "FAIL"
    assert [c["verdict"] for c in written["checks"]] == [SAME, DIFFERS, UNCHECKED, UNCHECKED, UNCHECKED]


def test_the_reference_is_a_commit_of_this_clone(made):
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(made.root)]
    for words in (["init", "-q"], ["add", "params.yaml", "results"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    (made.results / "cells.csv").unlink()
    with reference.opened(made, load(made.params)) as known:
        assert known.cells.is_file()
    with pytest.raises(DataError, match="^'no-such' is neither a folder, a bundle nor a commit with results/"):
        reference.opened(made, load(made.params), "no-such").__enter__()


def test_results_of_another_profile_are_no_reference(made, theirs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(theirs / "results", other / "results")
    shutil.copy(made.params, other)
    (other / "params.yaml").write_text(
        (other / "params.yaml").read_text().replace("profile: mini", "profile: smoke", 1)
    )
    with pytest.raises(DataError, match="^profile mini here, smoke in .*: nothing to compare; run `thb profile smoke`"):
        reference.opened(made, load(made.params), str(other)).__enter__()
