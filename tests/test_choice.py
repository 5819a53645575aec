"""Fits under choices that other training or validation clips answer: which clips, what is written, what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import vouching
from stores import smoke, write_store
from typer.testing import CliRunner

from thb.cli.main import app
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import ERROR, OK, SCORE_COLUMNS, read_csv, read_json, write_json
from thb.fits import choice, loop, score, score_files, train
from thb.fits.score_files import ScoreFile
from thb.report.load import open_results
from thb.splits import otherwise
from thb.splits.otherwise import CHOICES, FIT, Fewer, kept

TINY = {"epochs": 1, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}
SIZES = {"one": (1, 44, 9), "two": (1, 44, 8), "three": (1, 12, 10), "few": (0, 20, 8), "many": (0, 40, 16)}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Clips of three generators and two real sources: more fakes than reals train, some of both cannot be used."""
    parts = [
        pd.DataFrame(
            {
                "clip": [f"{source}-{use}-{i}" for i in range(n)],
                "source": source,
                "label": label,
                "use": use,
                "status": [ERROR, *[OK] * (n - 1)],
            }
        )
        for source, (label, *sizes) in SIZES.items()
        for use, n in zip(("train", "val"), sizes, strict=True)
    ]
    return pd.concat(parts).sample(frac=1, random_state=1).reset_index(drop=True)


def usable(rows: pd.DataFrame, use: str) -> pd.DataFrame:
    return rows[(rows["use"] == use) & (rows["status"] == OK)]


# ---- the clips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "use", "wanted"),
    [("balance", "train", 19 + 39), ("validation", "val", 7)],  # as few as reals train; as generator `two` has
)
def test_as_many_reals_as_fakes_are_kept_of_one_use_and_all_of_the_other(rows, name, use, wanted):
    found = kept(rows, name, 5)
    assert usable(found, use)["label"].value_counts().to_dict() == {0: wanted, 1: wanted}
    other = {"train": "val", "val": "train"}[use]
    assert usable(found, other)["clip"].tolist() == usable(rows, other)["clip"].tolist()
    assert found["clip"].tolist() == [clip for clip in rows["clip"] if clip in set(found["clip"])]  # in their order
    assert (found["status"] == ERROR).sum() == (rows["status"] == ERROR).sum()


@pytest.mark.parametrize("name", CHOICES)
def test_every_source_keeps_its_share(rows, name):
    for seed in range(5):
        before, after = (usable(table, CHOICES[name].use) for table in (rows, kept(rows, name, seed)))
        for label in (0, 1):
            shares, left = (table.loc[table["label"] == label, "source"].value_counts() for table in (before, after))
            apart = shares * left.sum() / shares.sum() - left.reindex(shares.index, fill_value=0)
            assert apart.abs().max() <= 1


def test_which_clips_hangs_on_the_seed_alone(rows):
    once, again, other = (set(kept(rows, "balance", seed)["clip"]) for seed in (1, 1, 2))
    assert once == again != other


def test_clips_of_one_class_are_left_to_whoever_trains(rows):
    fakes = rows[rows["label"] == 1]
    assert kept(fakes, "validation", 1).equals(fakes)


# ---- the fits -----------------------------------------------------------------------------------------


@pytest.fixture
def tiny(params):
    return smoke(params, tall=TINY)


@pytest.fixture
def store(tmp_path, tiny, monkeypatch):
    """A store of noise, and a choice that keeps four training clips of each class of it."""
    monkeypatch.setitem(CHOICES, "balance", Fewer("train", lambda clips: 4))
    return write_store(tmp_path, tiny)


@pytest.mark.parametrize("detector", ["container", "tall"])
def test_a_fit_sees_the_clips_that_are_kept_and_is_scored_on_those_that_test(store, tiny, detector, monkeypatch):
    met, prepared = [], loop.train
    monkeypatch.setattr(loop, "train", lambda net, feeds, *of: (met.extend(feeds), prepared(net, feeds, *of))[1])
    choice.run(store, tiny, detector, "balance")
    own = otherwise.place(store, tiny, "balance")
    assert own.run(detector, FIT) == store.root / "runs" / "choices" / "balance" / detector / FIT
    run, told = (
        read_json(own.run(detector, FIT) / "run.json"),
        read_json(own.scores(detector, FIT).with_suffix(".json")),
    )
    assert run["clips"] == {"train": 8, "val": 12}
    assert [len(feed.labels) for feed in met] == ([8, 12] if detector == "tall" else [])
    assert told["seen"] == {"train": {"real": 4, "fake": 4}, "val": {"real": 6, "fake": 6}}
    scores = read_csv(own.scores(detector, FIT), SCORE_COLUMNS)
    assert sorted(scores["clip"]) == [f"{source}-{i:03d}" for source in ("ffpp", "hallo") for i in range(3, 24, 4)]
    assert not store.run(detector, FIT).exists()
    assert not store.scores(detector, FIT).exists()
    assert not own.partial(detector, FIT).exists()


def test_whose_clips_are_all_kept_is_the_main_fit(store, tiny, monkeypatch):
    """To the byte, but for what its record says of its origin."""
    monkeypatch.setitem(CHOICES, "balance", Fewer("train", len))
    choice.run(store, tiny, "container", "balance")
    train.run(store, tiny, "container", FIT)
    score.run(store, tiny, "container", FIT)
    main = read_csv(store.scores("container", FIT), SCORE_COLUMNS).query("use == 'test'").reset_index(drop=True)
    own = otherwise.place(store, tiny, "balance")
    pd.testing.assert_frame_equal(read_csv(own.scores("container", FIT), SCORE_COLUMNS), main)
    shutil.copy(store.scores("container", FIT), own.scores("container", FIT))
    shutil.copy(*(p.scores("container", FIT).with_suffix(".json") for p in (store, own)))
    with pytest.raises(DataError, match="is of corpus mini, .* asks for corpus mini/balance"):
        score_files.read(ScoreFile(own, tiny, "container", FIT))


# ---- the command line, and what stands in the place of a fit -----------------------------------------------


def test_a_network_that_the_profile_leaves_out_has_an_empty_table_that_says_so(project):
    params = load(project.params)
    (left, *_), few = (
        [name for name in params.explained if name not in otherwise.trained(params)],
        otherwise.FEW["mini"],
    )
    done = CliRunner().invoke(app, ["choice", left, "validation"])
    assert done.exit_code == 0
    assert f"{left} is not trained under choice validation: profile mini does so with {', '.join(few)}" in done.output
    own = otherwise.place(project, params, "validation")
    assert "profile mini" in score_files.absent(ScoreFile(own, params, left, FIT))
    assert own.run(left, FIT).is_dir()


def test_a_fit_that_the_clips_do_not_allow_is_left_out(project):
    params = load(project.params)
    write_json({FIT: "no usable real clip of use 'train'"}, project.absent_fits)
    assert CliRunner().invoke(app, ["choice", "tall", "balance"]).exit_code == 0
    own = otherwise.place(project, params, "balance")
    assert "no usable real clip" in score_files.absent(ScoreFile(own, params, "tall", FIT))


def test_another_profile_trains_every_network(params):
    assert otherwise.trained(params.model_copy(update={"profile": "paper"})) == params.explained


def test_an_unknown_choice_is_named_with_those_that_are(project):
    found = CliRunner().invoke(app, ["choice", "tall", "balanced"]).exception
    assert isinstance(found, ParamsError)
    assert str(found) == "unknown choice 'balanced'; known: balance, validation"


# ---- reading ------------------------------------------------------------------------------------------


def test_scores_are_refused_with_the_command_that_mends_them(made):
    results = open_results(made.root)
    own = otherwise.place(made, results.params, "balance")
    found = results.scores_under("balance", "tall")
    assert found
    assert np.isfinite(found[0]["score"]).all()
    file = own.scores("tall", FIT)
    file.write_text(file.read_text() + "\n")
    with pytest.raises(DataError, match=r"is not the file that was written there .*; run `thb choice tall balance`$"):
        results.scores_under("balance", "tall")
    file.unlink()
    assert results.scores_under("balance", "tall") is None


def test_beside_a_fit_that_was_left_out_there_is_nothing_to_compare(made, monkeypatch):
    results = open_results(made.root)
    of_main = results.scores("tall", FIT)
    assert results.scores_under("balance", "tall")
    monkeypatch.setattr(type(results), "scores", lambda *_: of_main.iloc[:0])
    assert results.scores_under("balance", "tall") is None


def test_scores_of_other_clips_than_test_the_main_fit_are_refused(made):
    results = open_results(made.root)
    own = otherwise.place(made, results.params, "balance")
    file = own.scores("tall", FIT)
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    vouching.for_score_file(ScoreFile(own, results.params, "tall", FIT))
    with pytest.raises(DataError, match="is not of the clips that test fit 'all'; run `thb choice tall balance`"):
        results.scores_under("balance", "tall")
