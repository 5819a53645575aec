"""score: a row for every validation and test clip, a probability or the reason why there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import vouching
from stores import smoke, vouch_for_splits, write_store

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core.errors import DataError, ParamsError
from thb.core.paths import Paths
from thb.core.tables import OK, SCORE_COLUMNS, SPLIT_COLUMNS, read_csv, read_json, write_csv
from thb.fits import loop, score, train, weights
from thb.fits.feed import Feed
from thb.splits.clips_of_fit import clips_of_fit, usable

NETWORKS = [name for name in detectors.names() if detectors.kind(name).reads == "frames"]
TINY = {"epochs": 1, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture(params=detectors.names())
def detector(request):
    return request.param


@pytest.fixture(scope="module")
def tiny(params):
    return smoke(params, tall=TINY)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny) -> Callable[[str], Paths]:
    """By detector a store whose last clip of each source is broken, and one fit; `fitted` hands out copies."""

    @cache
    def of(detector: str) -> Paths:
        paths = write_store(tmp_path_factory.mktemp(detector), tiny)
        train.run(paths, tiny, detector, "all")
        return paths

    return of


@pytest.fixture
def fitted(tmp_path, trained, detector) -> Paths:
    shutil.copytree(trained(detector).root, tmp_path, dirs_exist_ok=True)
    return Paths(tmp_path)


def scored(paths, params, detector) -> pd.DataFrame:
    score.run(paths, params, detector, "all")
    return read_csv(paths.scores(detector, "all"), SCORE_COLUMNS)


def test_every_clip_has_its_row_in_the_splits_order(fitted, tiny, detector):
    rows = scored(fitted, tiny, detector)
    split = read_csv(fitted.split("all"), SPLIT_COLUMNS)
    split = split[split["use"].isin(["val", "test"])]
    assert list(rows["clip"]) == list(split["clip"])
    assert list(rows["use"]) == list(split["use"])
    assert rows["score"].between(0, 1).sum() == len(rows) - 2


def test_a_clip_without_frames_keeps_its_reason(fitted, tiny, detector):
    rows = scored(fitted, tiny, detector)
    broken = rows[rows["status"] != OK]
    assert list(broken["clip"]) == ["hallo-023", "ffpp-023"]
    assert broken["score"].isna().all()
    assert set(broken["reason"]) == {"truncated file"}
    assert ",,error,truncated file" in fitted.scores(detector, "all").read_text()


def test_scores_are_written_to_seven_digits_and_more(fitted, tiny, detector):
    scored(fitted, tiny, detector)
    text = pd.read_csv(fitted.scores(detector, "all"), dtype=str)["score"].dropna()
    assert text.str.lstrip("0.").str.len().max() >= 7


def test_scoring_twice_gives_the_same_bytes(fitted, tiny, detector):
    scored(fitted, tiny, detector)
    first = fitted.scores(detector, "all").read_bytes()
    scored(fitted, tiny, detector)
    assert fitted.scores(detector, "all").read_bytes() == first


def test_a_score_does_not_depend_on_the_other_clips(fitted, tiny, detector, monkeypatch):
    whole = scored(fitted, tiny, detector).set_index("clip")["score"]
    monkeypatch.setattr(score, "clips_of_fit", lambda *asked: clips_of_fit(*asked).sample(frac=0.5, random_state=0))
    half = scored(fitted, tiny, detector).set_index("clip")["score"]
    assert 0 < len(half) < len(whole)
    assert np.allclose(half, whole[half.index], rtol=0, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("detector", NETWORKS, indirect=True)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_score_does_not_depend_on_its_batch(fitted, tiny, detector, monkeypatch, size):
    """Ten clips in another order, and in batches of another size, the last of which is filled up."""
    network = weights.of_fit(fitted, tiny, detector, "all").model
    network.config = replace(network.config, score_batch=4)
    rows = usable(clips_of_fit(fitted, tiny, "all", ("test",)), "test").head(10)
    store = open_clips(fitted, tiny, sorted(set(rows["source"])))
    for clip, length in enumerate(rng().integers(40, 99, len(rows))):  # no two are heard as long
        rows.iloc[clip, list(rows.columns).index("mel_frames")] = length

    def scores(order) -> np.ndarray:
        return loop.score(network, Feed(store, rows.iloc[order], torch.device("cpu"), network)).numpy()

    whole, order, sizes = scores(range(10)), rng().permutation(10), []
    network.config = replace(network.config, score_batch=size)
    score_of = network.score
    monkeypatch.setattr(network, "score", lambda clips: (sizes.append(len(clips.labels)), score_of(clips))[1])
    assert np.allclose(scores(order), whole[order], rtol=0, atol=1e-6)
    assert len(np.unique(whole)) == 10
    assert sizes == [size] * -(-10 // size)


def test_a_score_that_is_no_number_is_refused(fitted, tiny, detector, monkeypatch):
    model = detectors.load(detector).Detector
    original = model.score

    def broken(self, clips):
        scores = original(self, clips)
        scores[-1] = np.nan
        return scores

    monkeypatch.setattr(model, "score", broken)
    with pytest.raises(DataError, match=r"scored clip '\S+' nan, which is no number in \[0, 1\]"):
        score.run(fitted, tiny, detector, "all")
    assert not fitted.scores(detector, "all").exists()


def test_missing_broken_and_foreign_weights_are_named(fitted, tiny, detector, tmp_path):
    file = fitted.run(detector, "all") / "weights.safetensors"
    other = next(name for name in detectors.names() if name != detector)
    with pytest.raises(DataError, match=f"weights of '{detector}', not of '{other}'"):
        detectors.restore(file, other)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="is not the file that was written there"):
        score.run(fitted, tiny, detector, "all")
    vouching.for_run(fitted, tiny, detector, "all")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        score.run(fitted, tiny, detector, "all")
    file.unlink()
    with pytest.raises(DataError, match=f"missing runs/{detector}/all/weights.safetensors; run `thb train"):
        score.run(fitted, tiny, detector, "all")


def test_what_the_fit_was_stands_beside_its_scores(fitted, tiny, detector):
    scored(fitted, tiny, detector)
    about = read_json(fitted.scores(detector, "all").with_suffix(".json"))
    assert about["statuses"] == {"error": 2, "ok": 22}
    assert about["settings"] == read_json(fitted.run(detector, "all") / "run.json")["settings"]
    assert not {"seconds", "hardware", "versions"} & set(about)


def test_sound_is_shuffled_only_for_who_hears(fitted, tiny, detector):
    own = scored(fitted, tiny, detector)
    if not detectors.load(detector).Detector.hears:
        with pytest.raises(ParamsError, match=f"'{detector}' hears nothing"):
            score.run_shuffled_sound(fitted, tiny, detector, "all")
        return
    score.run_shuffled_sound(fitted, tiny, detector, "all")
    other = read_csv(fitted.shuffled_sound(detector, "all"), SCORE_COLUMNS)
    assert list(other["clip"]) == list(own["clip"])
    assert not np.allclose(other["score"], own["score"], equal_nan=True)


def test_everyone_is_heard_with_somebody_elses_sound_of_the_same_source():
    rows = pd.DataFrame({"source": ["a", "b", "a", "c", "b", "a"]})
    order = score.others(rows, 1)
    assert sorted(order) == list(range(6))
    assert (rows["source"].to_numpy()[order] == rows["source"].to_numpy()).all()
    assert [i for i in range(6) if order[i] == i] == [3]
    assert (order == score.others(rows, 1)).all()


def test_a_clip_that_was_never_prepared_is_named(fitted, tiny, detector):
    split = read_csv(fitted.split("all"), SPLIT_COLUMNS)
    write_csv(pd.concat([split, split.tail(1).assign(clip="ffpp-999")]), fitted.split("all"), SPLIT_COLUMNS)
    vouch_for_splits(fitted, tiny)
    vouching.for_run(fitted, tiny, detector, "all")
    with pytest.raises(DataError, match="all.csv: clip 'ffpp-999' is in it and in no store"):
        score.run(fitted, tiny, detector, "all")


def test_container_needs_no_torch(tmp_path, params):
    """Trained and scored in a process of its own that never imports it."""
    code = (
        "import sys; from pathlib import Path; from thb.core import params, paths;"
        "from thb.fits import score, train; p = params.load(Path(sys.argv[2]));"
        "root = paths.Paths(Path(sys.argv[1]));"
        "train.run(root, p, 'container', 'all'); score.run(root, p, 'container', 'all');"
        "sys.exit('torch' in sys.modules)"
    )
    repo = Path(__file__).parent.parent
    write_store(tmp_path, params)
    command = [sys.executable, "-c", code, str(tmp_path), str(repo / "params.yaml")]
    subprocess.run(command, cwd=repo, check=True)
