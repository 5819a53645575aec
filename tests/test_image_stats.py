"""The control of image statistics: each measure tells what it is named after, and nothing is measured twice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import vouching
from stores import RUN, WINDOWS, smoke, write_store

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core.tables import read_json
from thb.fits import picture_measures, score, train
from thb.splits.clips_of_fit import clips_of_fit, usable

DETECTOR = "image_stats"
SIDE = 64


@pytest.fixture
def model(small):
    return detectors.load(DETECTOR).Detector(small)


@pytest.fixture
def clip():
    """uint8 [windows, run, S, S, 3]: smooth noise that moves a little."""
    rng = np.random.default_rng(4)
    return rng.normal(128, 12, (WINDOWS, RUN, SIDE, SIDE, 3)).clip(1, 254).astype(np.uint8)


@pytest.fixture
def told(model):
    return lambda clip: dict(zip(model.measures, model.measure(clip), strict=True))


def test_every_measure_is_a_finite_number(model, clip):
    for shown in (clip, np.zeros_like(clip), np.full_like(clip, 255), clip[:, :1]):
        assert model.measure(shown).shape == (len(model.measures),)
        assert np.isfinite(model.measure(shown)).all()


@pytest.mark.parametrize(
    ("change", "higher"),
    [
        (lambda c: np.stack([c[..., 0] + 40, c[..., 1], c[..., 2]], -1), {"red", "saturation"}),
        (lambda c: np.where(np.arange(SIDE)[:, None, None] < 9, 255, c), {"clipped", "blue_spread"}),
        (lambda c: c + (np.arange(SIDE) // 8 % 2 * 40)[:, None], {"blocks", "gradient"}),
        (lambda c: c + (np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2 * 60)[..., None], {"fine", "gradient"}),
        (lambda c: c + (np.add.outer(np.arange(SIDE) // 2, np.arange(SIDE) // 2) % 2 * 60)[..., None], {"coarse"}),
        (lambda c: c + np.arange(RUN)[:, None, None, None] * 9, {"motion"}),
    ],
)
def test_a_measure_rises_with_what_it_is_named_after(told, clip, change, higher):
    before, after = told(clip), told(change(clip.astype(int)).clip(0, 255).astype(np.uint8))
    assert {name for name in higher if after[name] <= before[name] + 0.02} == set()


def test_a_still_picture_has_the_least_motion(told, clip):
    still = np.repeat(clip[:, :1], RUN, axis=1)
    assert told(still)["motion"] < told(clip)["motion"]
    assert {k: v for k, v in told(still).items() if "motion" not in k} == {
        k: v for k, v in told(clip).items() if "motion" not in k
    }


def test_runs_says_how_much_of_a_clip_is_looked_at(model, clip):
    other = clip.copy()
    other[-1] = 9
    one = detectors.load(DETECTOR).Detector(replace(model.config, runs=1))
    assert np.array_equal(one.measure(clip), one.measure(other))
    assert not np.array_equal(model.measure(clip), model.measure(other))


def test_a_clip_is_measured_once_a_process_until_its_file_changes(tmp_path, params, small, monkeypatch):
    paths, kind, calls = write_store(tmp_path, smoke(params)), detectors.load(DETECTOR).Detector, []
    rows = usable(clips_of_fit(paths, smoke(params), "all", ("train",)), "train")
    measure = kind.measure
    monkeypatch.setattr(kind, "measure", lambda self, clip: calls.append(1) or measure(self, clip))
    first = picture_measures.seen(paths, smoke(params), rows, kind(small))
    assert picture_measures.seen(paths, smoke(params), rows, kind(small)).equals(first)
    assert len(calls) == len(rows)
    file = paths.clips("hallo") / "frames.npy"
    np.save(file, np.load(file) // 2)
    vouching.for_store(paths, smoke(params), "hallo")
    again = picture_measures.seen(paths, smoke(params), rows, kind(small))
    assert len(calls) == len(rows) + (rows["source"] == "hallo").sum()
    assert (again["red"] < first["red"])[rows["source"] == "hallo"].all()


def test_a_store_in_memory_is_measured_as_the_one_on_disk(tmp_path, params, small):
    paths, model = write_store(tmp_path, smoke(params)), detectors.load(DETECTOR).Detector(small)
    rows = usable(clips_of_fit(paths, smoke(params), "all", ("train",)), "train")
    store = open_clips(paths, smoke(params), sorted(set(rows["source"])))
    held = replace(store, frames={s: np.array(f) for s, f in store.frames.items()})
    assert picture_measures.measured(held, rows, model).equals(picture_measures.seen(paths, smoke(params), rows, model))


def test_facts_are_left_as_they_are(tmp_path, params):
    paths = write_store(tmp_path, smoke(params))
    rows = usable(clips_of_fit(paths, smoke(params), "all", ("train",)), "train")
    container = detectors.load("container").Detector(detectors.configure("container", params.detector("container")))
    assert picture_measures.seen(paths, smoke(params), rows, container) is rows


def test_the_weave_of_the_made_fakes_is_found(tmp_path, params):
    paths = write_store(tmp_path, smoke(params))
    train.run(paths, smoke(params), DETECTOR, "all")
    assert read_json(paths.run(DETECTOR, "all") / "run.json")["val_auc"] == 1.0


def test_noise_alone_is_not_found(tmp_path, params):
    """The same store with the reals' frames for both: now nothing tells them apart but chance."""
    paths = write_store(tmp_path, smoke(params))
    np.save(paths.clips("hallo") / "frames.npy", np.load(paths.clips("ffpp") / "frames.npy"))
    vouching.for_store(paths, smoke(params), "hallo")
    train.run(paths, smoke(params), DETECTOR, "all")
    score.run(paths, smoke(params), DETECTOR, "all")
    assert read_json(paths.run(DETECTOR, "all") / "run.json")["val_auc"] == 0.5


def test_it_needs_no_torch(tmp_path, params):
    code = (
        "import sys; from pathlib import Path; from thb.core import params, paths;"
        "from thb.fits import score, train; p = params.load(Path(sys.argv[2]));"
        "root = paths.Paths(Path(sys.argv[1]));"
        "train.run(root, p, 'image_stats', 'all'); score.run(root, p, 'image_stats', 'all');"
        "sys.exit('torch' in sys.modules)"
    )
    repo = Path(__file__).parent.parent
    write_store(tmp_path, params)
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(repo / "params.yaml")], cwd=repo, check=True)
