"""Re-encoded clips from end to end: their store, their scores by fits that were there before, and what has changed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import vouching
import yaml
from clips_made import with_profile
from stores import SOURCES, smoke, write_store
from test_prepare import STEMS, hallo, small, store_of  # noqa: F401

from thb.clips import prepare
from thb.clips.clip_store import open_clips
from thb.core.errors import CoverageError, DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import ERROR, OK, read_csv, read_json, write_csv, write_json
from thb.fits import score as first_score
from thb.fits import score_files, train
from thb.fits.score_files import ScoreFile
from thb.reencoded import cells, clips, conditions, files, score, store

DETECTOR, FIT, LOST = "container", "all", "hallo-003"


def only(params: Params, *sources: str) -> Params:
    """With these sources and one detector alone."""
    some = {
        "sources": {name: params.sources[name] for name in sources},
        "detectors": {DETECTOR: params.detectors[DETECTOR]},
    }
    return params.model_copy(update=some)


# ---- the clips ----------------------------------------------------------------------------------------


@pytest.fixture
def few(project, small) -> Params:  # noqa: F811
    """Three test clips of one generator and one that trains, prepared; the second time they are half as large."""
    for stem, split in zip(STEMS[:4], ("test", "train", "test", "test"), strict=True):
        hallo(project, stem, split=split)
    few = only(with_profile(small, max_failed_share=0.4), "hallo")
    vouching.for_raw(project, few)
    prepare.run(project, few, "hallo")
    made = yaml.safe_load(conditions.file_of(project).read_text())
    conditions.file_of(project).write_text(yaml.safe_dump({**made, "conditions": {"half": made["conditions"]["half"]}}))
    return few


def opened(paths: Paths, params: Params):
    return store.open_store(paths, params, conditions.load(paths, params), "half")


def test_test_clips_alone_are_encoded_again_and_prepared_once(project, few, capsys):
    clips.run(project, few, "half")
    table, held = opened(project, few)
    own = store_of(project, few)[0]
    assert table["clip"].tolist() == own.loc[own["split"] == "test", "clip"].tolist()
    assert (table["width"].unique().tolist(), own["width"].unique().tolist()) == ([32], [64])
    assert table["row"].tolist() == [0, 1, 2]
    before = open_clips(project, few, ["hallo"])
    apart = np.abs(held.clip(1).astype(int) - before.clip(2)).mean()
    assert 0 < apart < np.abs(held.clip(1).astype(int)[0] - before.clip(2)[-1]).mean()  # the frames of the same moments
    clips.run(project, few, "half")
    assert capsys.readouterr().out.endswith("half: its 3 clips are there\n")


def test_a_run_that_was_broken_off_goes_on_with_what_it_lacks(project, few, monkeypatch):
    def only_if(fine, otherwise):
        def encode(*of):
            if fine(of[-1]):
                return clip_encode(*of)
            raise otherwise

        return encode

    clip_encode, last = clips.encode, STEMS[3]
    monkeypatch.setattr(clips, "encode", only_if(lambda clip: not clip.endswith(last), KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        clips.run(project, few, "half")
    with pytest.raises(DataError, match="run `thb reencode half`"):
        opened(project, few)
    monkeypatch.setattr(clips, "encode", only_if(lambda clip: clip.endswith(last), DataError("was encoded before")))
    clips.run(project, few, "half")
    assert set(opened(project, few)[0]["status"]) == {OK}


def test_a_clip_that_fails_is_counted_and_too_many_leave_no_store(project, few, monkeypatch, capsys):
    encode = clips.encode

    def failing(*of):
        if of[-1].endswith(STEMS[2]):
            raise DataError("cannot be decoded")
        return encode(*of)

    monkeypatch.setattr(clips, "encode", failing)
    clips.run(project, few, "half")
    table, held = opened(project, few)
    assert (table["status"].tolist(), table["row"].tolist()) == ([OK, ERROR, OK], [0, -1, 1])
    assert (table["reason"].tolist()[1], len(held.rows), len(held.frames["hallo"])) == ("cannot be decoded", 2, 2)
    assert "half: 3 clips, 1 failed" in capsys.readouterr().out
    shutil.rmtree(store.place(project, "half"))
    with pytest.raises(CoverageError, match=r"half: 1 of 3 clips failed; .* first: hallo/.*: cannot be decoded"):
        clips.run(project, with_profile(few, max_failed_share=0.3), "half")
    assert not store.place(project, "half").exists()


# ---- scores and cells ---------------------------------------------------------------------------------


@pytest.fixture
def scored(repo, params, tmp_path, monkeypatch) -> tuple[Paths, Params]:
    """A fit and its scores, and as clips of every condition the very same ones; under one of them a clip is lost."""
    params = only(smoke(params), *SOURCES)
    paths = write_store(tmp_path, params)
    shutil.copy(repo / conditions.FILE, tmp_path)
    train.run(paths, params, DETECTOR, FIT)
    first_score.run(paths, params, DETECTOR, FIT)
    score_files.leave_out(ScoreFile(paths, params, DETECTOR, "no-hallo"), "its clips are not here")
    held = open_clips(paths, params, list(SOURCES))
    rows = held.rows.loc[held.rows["split"] == "test"].reset_index(drop=True)

    def as_before(paths, params, settings, condition):
        lost = (rows["clip"] == LOST) & (condition == "half")
        table = rows.assign(status=rows["status"].mask(lost, ERROR))
        return table, replace(held, rows=table.loc[~lost].reset_index(drop=True))

    monkeypatch.setattr(store, "open_store", as_before)
    score.run(paths, params, DETECTOR)
    return paths, params


def test_the_same_clips_get_the_same_scores_and_change_nothing(scored):
    paths, params = scored
    settings = conditions.load(paths, params)
    table, absent = files.read_scores(paths, params, settings, DETECTOR)
    assert absent == {"no-hallo": "its clips are not here"}
    own = score_files.read(ScoreFile(paths, params, DETECTOR, FIT)).set_index("clip")["score"]
    there = table.loc[table["status"] == OK]
    assert there[FIT].tolist() == own.loc[there["clip"]].tolist()
    assert table.loc[table["status"] != OK, ["condition", "clip", FIT]].values.tolist() == [
        ["half", LOST, pytest.approx(np.nan, nan_ok=True)]
    ]
    cells.run(paths, params)
    found, said = files.read_cells(paths, params)
    assert set(said) == set(found["condition"]) == set(settings.conditions)
    told = found[(found["protocol"] == "P1") & (found["metric"] == "AUC")]
    assert (told["change"] == 0).all()
    assert (told["value"] == told["before"]).all()
    assert set(told["verdict"]) == {"cannot be told"}
    counts = told.groupby("condition")[["n_real", "n_fake", "lost"]].first().T.to_dict("list")
    assert counts == {name: [5, 4, 1] if name == "half" else [5, 5, 0] for name in counts}
    left_out = found[found["protocol"] == "P3"]
    assert (left_out["n_fake"].max(), left_out["value"].notna().any()) == (0, False)


def test_a_score_that_is_no_probability_is_named(scored, monkeypatch):
    paths, params = scored
    monkeypatch.setattr(score, "measured", lambda *_: None)
    rows = open_clips(paths, params, ["hallo"]).rows.head(2)
    for odd in (1.5, -0.1, np.nan):
        model = SimpleNamespace(reads="rows", score=lambda _, odd=odd: np.array([0.5, odd]))
        with pytest.raises(DataError, match=rf"title: clip 'hallo-001' has {odd}, no number in \[0, 1\]"):
            score._scores(model, None, rows, 0, "title")


def test_scores_of_other_weights_or_with_a_hole_are_refused(scored):
    paths, params = scored
    settings, file = conditions.load(paths, params), files.scores(paths, DETECTOR)
    record, table = read_json(file.with_suffix(".json")), read_csv(file, files.score_columns(params, settings))
    for change in ({"weights_sha256": {FIT: "0" * 64}}, {"absent": {}}):
        write_json({**record, **change}, file.with_suffix(".json"))
        with pytest.raises(DataError, match="is of other weights of container/.*; run `thb reencode-score container`"):
            files.read_scores(paths, params, settings, DETECTOR)
    table.loc[3, FIT] = np.nan
    write_csv(table, file, files.score_columns(params, settings))
    about = {key: record[key] for key in ("weights_sha256", "absent")}
    write_json(files.scores_record(paths, params, settings, DETECTOR, **about), file.with_suffix(".json"))
    clip, condition = table.loc[3, ["clip", "condition"]]
    with pytest.raises(DataError, match=f"clip '{clip}' has no score of fit '{FIT}' under {condition}"):
        files.read_scores(paths, params, settings, DETECTOR)
