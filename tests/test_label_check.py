"""Fits on labels that say nothing: drawn within each source, never near the true fits, and at chance."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from stores import smoke, write_split_of_swaps, write_store

from thb.cli import main
from thb.core.errors import DataError, ParamsError
from thb.core.metrics import auc
from thb.core.params import parse
from thb.core.paths import Paths
from thb.core.tables import ERROR, OK, SHUFFLED_COLUMNS, read_csv, read_json, shuffled_columns
from thb.fits import loop, score, train
from thb.splits.clips_of_fit import clips_of_fit, with_shuffled_labels

TINY = {"epochs": 1, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}
DRAWS = 3


@pytest.fixture(scope="module")
def tiny(params):
    return smoke(params, tall=TINY).model_copy(update={"label_checks": dict.fromkeys(params.detectors, DRAWS)})


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny) -> Paths:
    """A store and its split; `store` hands out copies."""
    return write_store(tmp_path_factory.mktemp("written"), tiny)


@pytest.fixture
def store(tmp_path, written) -> Paths:
    shutil.copytree(written.root, tmp_path, dirs_exist_ok=True)
    return Paths(tmp_path)


@pytest.fixture
def rows(store, tiny):
    return clips_of_fit(store, tiny, "all", ("train", "val"))


# ── The labels ───────────────────────────────────────────────────────────────────────────────────


def test_half_of_each_sources_usable_clips_of_a_use_are_called_fake(rows):
    drawn = with_shuffled_labels(rows, 1, 1)
    shares = drawn[drawn["status"] == OK].groupby(["source", "use"])["label"].mean()
    assert len(shares) == 4
    assert (shares == 0.5).all()
    assert drawn.drop(columns="label").equals(rows.drop(columns="label"))


def test_an_unusable_clip_takes_no_part(rows):
    marked = rows.assign(status=rows["status"].where(rows["clip"] != "hallo-000", ERROR))
    drawn = with_shuffled_labels(marked, 1, 1)
    assert drawn.set_index("clip")["label"]["hallo-000"] == 1
    train_part = drawn[(drawn["source"] == "hallo") & (drawn["use"] == "train") & (drawn["status"] == OK)]
    assert abs(train_part["label"].sum() - len(train_part) / 2) == 0.5


def test_of_an_odd_number_the_larger_half_is_as_often_fake_as_real():
    rows = pd.DataFrame({"source": "a", "use": "train", "status": OK, "label": 1}, index=range(5))
    fakes = [with_shuffled_labels(rows, 1, draw)["label"].sum() for draw in range(1, 201)]
    assert set(fakes) == {2, 3}
    assert 70 < fakes.count(2) < 130


def test_a_drawing_is_the_same_each_time_and_unlike_the_next(rows):
    one, same, two, other = (
        with_shuffled_labels(rows, seed, draw)["label"] for seed, draw in ((1, 1), (1, 1), (1, 2), (2, 1))
    )
    assert one.equals(same)
    assert not one.equals(two)
    assert not one.equals(other)


def test_drawn_labels_know_nothing_of_the_true_ones(rows):
    together = [np.corrcoef(rows["label"], with_shuffled_labels(rows, 1, draw)["label"])[0, 1] for draw in range(1, 30)]
    assert np.abs(together).max() < 0.1


# ── The fits ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("detector", ["container", "image_stats", "tall"])
def test_each_drawing_has_its_fit_and_its_column(store, tiny, detector):
    train.run_shuffled_labels(store, tiny, detector, "all")
    score.run_shuffled_labels(store, tiny, detector, "all")
    assert not store.run(detector, "all").exists()
    told = [read_json(store.run_on_shuffled_labels(detector, "all", draw) / "run.json")["draw"] for draw in (1, 2, 3)]
    assert told == [1, 2, 3]
    scores = read_csv(store.shuffled_labels(detector, "all"), [*SHUFFLED_COLUMNS, *shuffled_columns(DRAWS)])
    assert set(scores["use"]) == {"test"}
    assert scores["label"].equals((scores["source"] == "hallo").astype(int))  # those of the test clips are true
    ok = scores[scores["status"] == OK]
    assert ok[shuffled_columns(DRAWS)].stack().between(0, 1).all()
    assert not ok["score_1"].equals(ok["score_2"])


def test_a_fit_on_drawn_labels_leaves_the_true_fit_alone(store, tiny):
    train.run(store, tiny, "container", "all")
    true = (store.run("container", "all") / "weights.safetensors").read_bytes()
    train.run_shuffled_labels(store, tiny, "container", "all")
    assert (store.run("container", "all") / "weights.safetensors").read_bytes() == true


def test_an_interrupted_run_goes_on_in_the_fit_where_it_stopped(store, tiny, monkeypatch):
    """No epoch of a fit that was whole is trained again, and nothing is left beside the fits in the end."""
    write, epochs, run_epoch = train._write, [], loop._run_epoch
    files = [store.run_on_shuffled_labels("tall", "all", draw) / "weights.safetensors" for draw in (1, 2, 3)]
    train.run_shuffled_labels(store, tiny, "tall", "all")
    expected = [file.read_bytes() for file in files]
    with monkeypatch.context() as patch:
        patch.setattr(train, "_write", lambda job, *of: write(job, *of) if job.draw == 1 else 1 // 0)
        with pytest.raises(ZeroDivisionError):
            train.run_shuffled_labels(store, tiny, "tall", "all")
    shutil.rmtree(files[0].parent)  # as DVC does before a stage
    monkeypatch.setattr(loop, "_run_epoch", lambda *of: (epochs.append(of), run_epoch(*of))[1])
    train.run_shuffled_labels(store, tiny, "tall", "all")
    assert [file.read_bytes() for file in files] == expected
    assert len(epochs) == TINY["epochs"]  # of the third
    assert not list((store.root / "runs" / ".partial").iterdir())


def test_it_is_chosen_and_trained_on_drawn_labels_alone(store, tiny, monkeypatch):
    """Neither of the loop's two feeds holds a true label, but by chance."""
    met, prepared = [], loop.train

    def spy(network, feeds, *rest):
        met.extend(feed.labels.numpy() for feed in feeds)
        return prepared(network, feeds, *rest)

    monkeypatch.setattr(loop, "train", spy)
    train.run_shuffled_labels(store, tiny, "tall", "all")
    assert [len(labels) for labels in met] == [24, 12] * DRAWS
    half = [labels[: len(labels) // 2].mean() for labels in met]  # of one source, whose true labels are all equal
    assert half == [0.5] * len(met)


def test_it_never_starts_from_the_ffpp_fit(store, params, tiny):
    """Weights that saw true labels would carry them in."""
    write_split_of_swaps(store, tiny)
    from_ffpp = smoke(params, tall={**TINY, "start_from": "ffpp"}).model_copy(update={"label_checks": {"tall": 2}})
    with pytest.raises(DataError, match="tall/ffpp has no weights yet"):
        train.run(store, from_ffpp, "tall", "all")
    train.run_shuffled_labels(store, from_ffpp, "tall", "all")
    assert read_json(store.run_on_shuffled_labels("tall", "all", 1) / "run.json")["start_sha256"] is None


def aucs(store, detector) -> np.ndarray:
    rows = read_csv(store.shuffled_labels(detector, "all"), [*SHUFFLED_COLUMNS, *shuffled_columns(20)])
    rows = rows[rows["status"] == OK]
    return np.array([auc(rows["label"].to_numpy(), rows[c].to_numpy()) for c in shuffled_columns(20)])


def test_drawn_labels_score_chance_and_leaked_ones_do_not(store, tiny, monkeypatch):
    often = tiny.model_copy(update={"label_checks": {"image_stats": 20}})
    train.run_shuffled_labels(store, often, "image_stats", "all")
    score.run_shuffled_labels(store, often, "image_stats", "all")
    fair = aucs(store, "image_stats")
    assert abs(fair.mean() - 0.5) < 2.5 * fair.std(ddof=1) / np.sqrt(len(fair))
    monkeypatch.setattr(
        train, "with_shuffled_labels", lambda rows, seed, draw: rows
    )  # the leak that the check is there for
    train.run_shuffled_labels(store, often, "image_stats", "all")
    score.run_shuffled_labels(store, often, "image_stats", "all")
    assert aucs(store, "image_stats").min() > 0.95


# ── What is refused ──────────────────────────────────────────────────────────────────────────────


def test_a_detector_without_a_label_check_is_named_with_those_that_have_one(store, params):
    two = smoke(params).model_copy(update={"label_checks": {"container": 2}})
    for stage in (train, score):
        with pytest.raises(ParamsError, match="unknown detector under label_checks 'tall'; known: container"):
            stage.run_shuffled_labels(store, two, "tall", "all")
    with pytest.raises(DataError, match=r"missing runs/shuffled_labels/container/all-1/weights.safetensors; run"):
        score.run_shuffled_labels(store, two, "container", "all")


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ({"tal": 3}, "unknown detector in label_checks 'tal'; known: .*tall"),
        ({"tall": 1}, "label_checks.tall = 1: .*greater than or equal to 2"),
    ],
)
def test_params_refuse_an_unknown_detector_and_a_single_drawing(params, checks, words):
    with pytest.raises(ParamsError, match=words):
        parse({**params.model_dump(), "label_checks": checks})


def test_on_the_command_line_it_takes_one_check_at_a_time_and_detectors_that_have_one(project):
    with pytest.raises(ParamsError, match="ask for one at a time"):
        main.score("container", "all", "", True, True)
    for command in (main.train, main.score):
        with pytest.raises(ParamsError, match="unknown detector under label_checks 'tall'; known: df_adapter"):
            command("tall", "all", shuffle_labels=True)
