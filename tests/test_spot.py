"""`thb verify --spot`: what is said of one fit that was trained and scored again; other files test the training."""

from __future__ import annotations

import shutil

import pytest

from thb.cells import evaluate
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.review import spot, workplace
from thb.review.verify import AGREES, DIFFERS, SAME


@pytest.fixture(scope="module")
def reference(filled, tmp_path_factory):
    """Results whose cells are those of their scores."""
    paths = Paths(tmp_path_factory.mktemp("spot") / "clone")
    shutil.copytree(filled, paths.root)
    evaluate.run(paths, load(paths.params))
    return paths


@pytest.fixture
def again(made, reference, monkeypatch):
    """Compare tall/all with the reference, as if it had been trained again and these were its scores."""
    made.split("all").parent.mkdir(parents=True, exist_ok=True)
    made.split("all").touch()
    asked = []

    def compare(change=None, detector="tall", fit="all"):
        def thb(own, *words):
            asked.append(words)
            if words[0] == "score":
                path, there = own.scores(detector, fit), reference.scores(detector, fit)
                table = read_csv(there, SCORE_COLUMNS)
                path.parent.mkdir(parents=True)
                write_csv(change(table), path, SCORE_COLUMNS) if change else path.write_bytes(there.read_bytes())

        monkeypatch.setattr(workplace, "thb", thb)
        checks = spot.run(made, load(made.params), reference, detector, fit)
        return {check.name: check for check in checks}, asked

    return compare


def test_the_same_scores_are_the_same(again):
    found, asked = again()
    assert {name: check.verdict for name, check in found.items()} == {"tall/all": SAME}
    assert asked == [("train", "tall", "all"), ("score", "tall", "all")]


def test_what_it_starts_from_is_trained_first_where_it_is_not_here(again):
    assert again(detector="caddm")[1][0] == ("train", "caddm", "ffpp")


def test_scores_that_move_a_little_agree_and_reversed_ones_differ(again):
    found, _ = again(lambda table: table.assign(score=table["score"] * 0.999))
    assert {check.verdict for check in found.values()} == {AGREES}
    found, _ = again(lambda table: table.assign(score=1 - table["score"]))
    assert found["its cells"].verdict == DIFFERS
    assert any(line.startswith("P1 tall hallo AUC: 0.") for line in found["its cells"].differing)


def test_other_clips_are_named(again):
    found, _ = again(lambda table: table.iloc[1:])
    assert found["tall/all"].verdict == DIFFERS
    assert "other clips are scored" in found["tall/all"].told


def test_without_clips_nothing_is_trained(made, reference):
    with pytest.raises(DataError, match="^a fit is trained on clips, and none are here"):
        spot.run(made, load(made.params), reference, "tall", "all")
