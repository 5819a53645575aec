"""The clip store: right pixels, sound on the video's clock, faces, and nothing half-written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vouching
from clips_made import (
    RATE,
    SAMPLES,
    SOUND,
    STORE,
    needs_samples,
    number_of,
    tone,
    with_profile,
    write_list,
    write_truth,
    write_video,
    write_wav,
)

from thb.clips import audio, clip_store, faces, prepare, video
from thb.clips.clip_store import ARRAYS, open_clips, read_clips
from thb.clips.sampling import kept_frames
from thb.core import code
from thb.core.errors import CoverageError, DataError, DiskError, ParamsError
from thb.core.folders import LOCK, scratch
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.processes import in_order
from thb.core.tables import CLIP_COLUMNS, read_json
from thb.corpus import layout
from thb.rendered.truth import Truth, pack

GENERATOR = "fake/Hallo"
STEMS = [f"0000{i}--aaaaaaaaaa{i}_1--Hallo" for i in range(6)]


# Prepares Hallo below argv[3] and is killed when only the last file of the store is to be written.
KILLED_RUN = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
import vouching
from clips_made import STORE, with_profile
from thb.core.params import load
from thb.core.paths import Paths
from thb.clips import prepare
paths = Paths(Path(sys.argv[3]))
prepare.write_json = lambda *_: os.kill(os.getpid(), 9)
prepare.run(paths, with_profile(load(paths.params), store=STORE, workers=1), "hallo")
"""


@pytest.fixture
def small(params: Params, project: Paths) -> Params:
    """A small store, and clips in data/raw that are of this profile."""
    found = with_profile(params, store=STORE, workers=1, max_failed_share=0.5)
    vouching.for_raw(project, found)
    return found


def hallo(paths: Paths, stem: str = STEMS[0], frames: int = 20, split: str = "test", **video: object) -> Path:
    """One clip of Hallo with its truth file."""
    write_truth(paths.truth / "hallo" / f"{stem}.npz", frames)
    return write_video(paths.raw / GENERATOR / split / f"{stem}.mp4", frames, **video)


def store_of(
    paths: Paths, params: Params, source: str = "hallo"
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    folder = paths.clips(source)
    return (
        read_clips(paths, params, source),
        *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("frames", "mel", "times")),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


# ---- what is in the store ---------------------------------------------------------------------------


def test_rows_and_pixels_belong_together(project, small):
    lengths = dict(zip(STEMS, (20, 5, 33, 1, 2, 60), strict=True))
    for stem, frames in lengths.items():
        hallo(project, stem, frames, fps="30000/1001", size=(96, 96))
    prepare.run(project, small, "hallo")
    table, frames, mel, times = store_of(project, small)
    assert list(table.columns) == CLIP_COLUMNS
    assert frames.shape == (6, 6, 32, 32, 3)
    assert (frames.dtype, mel.dtype, times.dtype) == (np.uint8, np.float16, np.float32)
    assert table["row"].tolist() == list(range(6))
    for row in table.itertuples():
        kept = kept_frames(lengths[row.clip.split("/")[1]], 3, 2)
        assert [number_of(f) for f in frames[row.row]] == kept.tolist()
        assert times[row.row] == pytest.approx(kept / 29.97, abs=2e-3)
        assert row.n_frames == lengths[row.clip.split("/")[1]]
        assert (row.width, row.status, row.finder) == (96, "ok", "truth")
    clips = open_clips(project, small, ["hallo"])
    assert clips.clip(2).shape == (3, 2, 32, 32, 3)


def test_a_clip_is_written_before_the_next_is_waited_for(project, small, monkeypatch):
    """So memory does not grow with their number: when the next one begins, no other may still be held."""
    came = []
    prepare_clip = prepare.prepare_clip

    def one_at_a_time(job):
        assert not any(held() is not None for held in came)
        done = prepare_clip(job)
        came.append(weakref.ref(done.frames))
        return done

    for stem in STEMS:
        hallo(project, stem)
    monkeypatch.setattr(prepare, "prepare_clip", one_at_a_time)
    monkeypatch.setattr(prepare, "in_order", lambda work, jobs, *_: map(work, jobs))  # here, where it is seen
    prepare.run(project, small, "hallo")
    assert len(came) == len(store_of(project, small)[1]) == len(STEMS)


def test_two_runs_write_the_same_bytes_whatever_the_processes(project, small):
    for stem in STEMS:
        hallo(project, stem, sound=tone(0.8))
    prepare.run(project, small, "hallo")
    first = contents(project.clips("hallo"))
    prepare.run(project, with_profile(small, workers=3), "hallo")
    assert contents(project.clips("hallo")) == first
    assert set(first) == {
        "clips.parquet",
        "faces.npy",
        "frames.npy",
        "mel.npy",
        "meta.json",
        "places.npy",
        "times.npy",
    }


def test_meta_says_how_to_read_the_arrays(project, small):
    hallo(project)
    prepare.run(project, small, "hallo")
    meta = read_json(project.clips("hallo") / "meta.json")
    assert (meta["windows"], meta["run"], meta["size"], meta["finder"]) == (3, 2, 32, "truth")
    assert meta["hop_seconds"] == 0.01
    assert meta["clips"] == {"ok": 1, "missing": 0, "error": 0}


# ---- sound ------------------------------------------------------------------------------------------


def test_sound_lies_on_the_clock_of_the_video(project, small):
    """A beep from 0.4 s on; the track itself may begin late, which is absence and not silence."""
    beep = np.concatenate([np.zeros(round(0.4 * RATE), np.float32), tone(0.6)])
    hallo(project, STEMS[0], 30, sound=beep)
    hallo(project, STEMS[1], 30, sound=tone(0.6), sound_starts=0.4)
    prepare.run(project, small, "hallo")
    table, _, mel, _ = store_of(project, small)
    assert table["mel_frames"].between(95, 108).all()
    for clip in (0, 1):
        loud = np.nan_to_num(mel[clip].astype(float), nan=-10).max(axis=1) > -1
        assert abs(int(np.argmax(loud)) - 40) <= 2
    assert np.isfinite(mel[0][:90]).all()
    assert np.isnan(mel[1][:32]).all()  # AAC begins with 64 ms of its own
    assert np.isfinite(mel[1][40:90]).all()


def test_sound_beyond_the_video_is_left_off_and_short_sound_is_not_stretched(project, small):
    hallo(project, STEMS[0], 20, sound=tone(3.0))
    hallo(project, STEMS[1], 50, sound=tone(0.5))
    prepare.run(project, small, "hallo")
    table, _, mel, _ = store_of(project, small)
    assert table["mel_frames"].iloc[0] == 80
    assert table["mel_frames"].iloc[1] == pytest.approx(50, abs=8)
    assert np.isnan(mel[0][80:]).all()
    assert np.isnan(mel[1][60:]).all()


def test_the_release_s_wav_stands_in_for_a_missing_track(project, small):
    write_list(project.raw, {"test": ["001", "002"]}, {})
    for stem in ("001", "002"):
        write_truth(project.truth / "ffpp" / f"{stem}.npz", 25)
        write_video(project.raw / small.source("ffpp").folder / f"{stem}.mp4", 25)
    write_wav(project.raw / "audio/ff++/001.wav", tone(1.0))
    prepare.run(project, small, "ffpp")
    table, _, mel, _ = store_of(project, small, "ffpp")
    assert table["mel_frames"].tolist() == [100, 0]
    assert table["audio_codec"].tolist() == ["", ""]
    assert np.isfinite(mel[0]).all()
    assert np.isnan(mel[1]).all()


def test_without_any_sound_the_store_has_none(project, small):
    hallo(project)
    prepare.run(project, small, "hallo")
    table, _, mel, _ = store_of(project, small)
    assert table["mel_frames"].tolist() == [0]
    assert np.isnan(mel).all()


@pytest.mark.parametrize("hertz", [150, 440, 1000, 3000, 7000])
def test_a_tone_lights_the_band_that_holds_it(hertz):
    mel = audio.log_mel(tone(1.0, hertz), SOUND)
    assert mel.shape == (101, SOUND.mels)
    centre = np.fft.rfftfreq(SOUND.fft, 1 / RATE)[audio.mel_bank(SOUND)[mel[50].argmax()].argmax()]
    assert centre == pytest.approx(hertz, rel=0.06, abs=40)


def test_the_mel_bank_has_triangles_of_unit_area_that_cover_the_spectrum():
    bank = audio.mel_bank(SOUND)
    assert bank.shape == (80, 201)
    assert (bank >= 0).all()
    assert (bank.max(axis=1) > 0).all()
    wide = bank[40:]  # narrow ones have too few bins to measure an area by
    assert wide.sum(axis=1) * RATE / SOUND.fft == pytest.approx(np.ones(40), rel=0.08)


def test_a_spectrogram_agrees_with_scipy():
    from scipy.signal import stft

    sound = np.random.default_rng(0).normal(size=RATE // 2)
    _, _, ours = stft(np.pad(sound, 200), nperseg=400, noverlap=240, window="hann", boundary=None, padded=False)
    power = np.abs(ours.T * 200) ** 2  # scipy divides by the sum of its window
    expected = np.log10(np.maximum(power @ audio.mel_bank(SOUND).T, audio.FLOOR))
    assert audio.log_mel(sound, SOUND) == pytest.approx(expected, abs=1e-4)


# ---- faces ------------------------------------------------------------------------------------------


def test_a_wide_picture_is_cut_around_its_face(project, small):
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, 96:] = 255
    hallo(project, size=(128, 64), picture=picture)
    write_truth(project.truth / "hallo" / f"{STEMS[0]}.npz", 20, box=(0.7, 0.2, 0.9, 0.8), lost=5)
    prepare.run(project, small, "hallo")
    table, frames, _, _ = store_of(project, small)
    row = table.iloc[0]
    assert (row["width"], row["height"]) == (128, 64)
    assert frames.shape[2:] == (32, 32, 3)
    assert frames[0, 0, :, 18:].min() > 200  # the window lies at the right end: half of it is white
    assert frames[0, 0, :, :14].max() < 55
    assert (row["x0"] * 32 + 32, row["x1"] * 32 + 32) == pytest.approx((0.7 * 64, 0.9 * 64))
    assert (row["y0"], row["y1"]) == pytest.approx((0.2, 0.8))
    assert row["face_share"] == pytest.approx((kept_frames(20, 3, 2) >= 5).mean())


def test_a_link_out_of_the_data_is_counted_and_never_opened(project, small, tmp_path_factory, monkeypatch):
    """What it points at could be read: only that it is not opened makes it an error."""
    outside = write_video(tmp_path_factory.mktemp("outside") / "secret.mp4", 20)
    hallo(project)
    link = project.raw / GENERATOR / "test" / f"{STEMS[1]}.mp4"
    link.symlink_to(outside)
    prepare.run(project, small, "hallo")
    table, frames, _, _ = store_of(project, small)
    assert table["status"].tolist() == ["ok", "error"]
    assert table["reason"][1] == "is a link that leads out of data/raw, and is not opened"
    assert len(frames) == 1
    with pytest.raises(CoverageError, match="1 of 2 clips failed, .* leads out of data/raw"):
        prepare.run(project, with_profile(small, max_failed_share=0.1), "hallo")
    monkeypatch.setattr(prepare.clip, "prepare", lambda *_: pytest.fail("it was opened"))
    row = layout.list_clips(project, "hallo", small.source("hallo"))[1]
    assert prepare.prepare_clip(prepare.Job(row, project, "truth", STORE, {})).row == row


@pytest.mark.parametrize("folder", ["", "test"])
def test_a_generator_that_a_part_of_the_release_lacks_is_an_empty_store(project, small, capsys, folder):
    """A rendered corpus is made whole, and there it stays an error."""
    if folder:
        (project.raw / GENERATOR / folder).mkdir(parents=True)
    hub = with_profile(small, corpus="hub", finder="haar")
    vouching.for_raw(project, hub)
    prepare.run(project, hub, "hallo")
    table, frames, mel, _ = store_of(project, hub)
    assert (len(table), len(frames), len(mel)) == (0, 0, 0)
    why = "holds no file" if folder else "does not exist"
    assert f"hallo: data/raw/{GENERATOR} {why}; its store is empty" in capsys.readouterr().out
    if not folder:
        vouching.for_raw(project, small)
        with pytest.raises(DataError, match="data/raw/fake/Hallo does not exist; run `thb fetch`"):
            prepare.run(project, small, "hallo")


def test_a_clip_without_a_face_keeps_its_whole_frame_and_says_so(project, small, capsys):
    hallo(project)
    write_truth(project.truth / "hallo" / f"{STEMS[0]}.npz", 20, lost=20)
    prepare.run(project, small, "hallo")
    row = store_of(project, small)[0].iloc[0]
    assert row[["x0", "y0", "x1", "y1"]].tolist() == [0, 0, 1, 1]
    assert row["face_share"] == 0
    assert row["reason"] == "no face found: the whole frame is kept; it has no sound"
    assert row["status"] == "ok"
    assert "no face was found in 1 clips" in capsys.readouterr().out
    assert np.isnan(row["nose_x"])


def test_a_face_moves_evenly_between_the_frames_in_which_it_is_seen():
    boxes = np.array([[0, 0, 1, 1], [0.1, 0.1, 0.5, 0.5], [0.2, 0.2, 0.6, 0.6], [np.nan] * 4])
    at = np.array([0, 10, 20, 29])
    face = faces.followed(boxes, np.zeros((4, 5, 2)), at, np.array([0, 5, 20, 24, 29]))
    assert np.allclose(face.boxes[1:], [[0.05, 0.05, 0.75, 0.75]] + [[0.2, 0.2, 0.6, 0.6]] * 3)
    assert face.boxes[0].tolist() == [0, 0, 1, 1]
    assert face.share == 0.75
    assert face.box.tolist() == [0.2, 0.2, 0.6, 0.6]


def walking(project, frames: int = 30, size: tuple[int, int] = (160, 96)) -> list[int]:
    """A clip of fine noise in which a face of 18 x 16 px goes 3 px to the right with every frame; where it begins."""
    noise = np.random.default_rng(1).integers(60, 190, (size[1], size[0], 1), dtype=np.uint8).repeat(3, axis=2)
    hallo(project, STEMS[0], frames, size=size, picture=noise)
    starts = [10 + 3 * i for i in range(frames)]
    boxes = np.array([[x, 40, x + 18, 56] for x in starts], np.float32) / np.tile(size, 2)
    points = np.array([[[x + 5, 45]] * 5 for x in starts], np.float32) / size
    file = project.truth / "hallo" / f"{STEMS[0]}.npz"
    blank = np.zeros((frames, 8, 8), np.uint8)
    file.write_bytes(pack(Truth(blank, blank.astype(bool), boxes, points)))
    return starts


@pytest.mark.parametrize("held", [None, 0], ids=["held", "decoded again"])
def test_the_face_s_square_follows_it_at_the_source_s_resolution(project, small, monkeypatch, held):
    """Whether its frames are held or, for want of memory, decoded once more."""
    if held is not None:
        monkeypatch.setattr(video, "HELD", held)
    starts = walking(project)
    prepare.run(project, small, "hallo")
    store, kept = open_clips(project, small, ["hallo"]), kept_frames(30, 3, 2)
    places = store.places["hallo"][0]
    assert places.shape == (6, clip_store.PLACES, 2)
    assert (places[:, clip_store.SIZE] == (160, 96)).all()
    assert (places[:, clip_store.WHOLE] == places[0, clip_store.WHOLE]).all()
    assert np.ptp(places[0, clip_store.WHOLE], axis=0).tolist() == [96, 96]
    whole = next(video.read(project.raw / store.rows["path"][0], kept_numbers, 96).pictures((160, 96)))
    for i, frame in enumerate(kept):
        x = int(np.clip(starts[frame] + 9 - 12, 0, 160 - 24))
        assert places[i, clip_store.SQUARE].tolist() == [[x, 36], [x + 24, 60]]
        assert places[i, clip_store.BOX] == pytest.approx(np.array([[starts[frame], 40], [starts[frame] + 18, 56]]))
        assert places[i, clip_store.POINTS] == pytest.approx(np.array([[starts[frame] + 5, 45]] * 5))
        pixels = store.faces["hallo"][0, i].astype(int)
        assert np.abs(pixels - whole[36:60, x : x + 24]).mean() < 12  # each frame is coded a little otherwise


def kept_numbers(frames: int) -> np.ndarray:
    return np.array([0])


def test_places_are_read_as_fractions_of_either_square(project, small):
    walking(project)
    prepare.run(project, small, "hallo")
    places = open_clips(project, small, ["hallo"]).places["hallo"][0]
    boxes, points = clip_store.inside(places, clip_store.SQUARE)
    assert boxes[0] == pytest.approx([3 / 24, 4 / 24, 21 / 24, 20 / 24])
    assert points[0, 0] == pytest.approx([8 / 24, 9 / 24])
    left = places[0, clip_store.WHOLE][0, 0]
    boxes, _ = clip_store.inside(places, clip_store.WHOLE)
    assert boxes[2] == pytest.approx((places[2, clip_store.BOX] - (left, 0)).ravel() / 96)


def test_an_unknown_finder_is_refused_before_anything_is_written(project, small):
    hallo(project)
    with pytest.raises(ParamsError, match="unknown face finder 'hair'; known: truth, haar, yunet"):
        prepare.run(project, with_profile(small, finder="hair"), "hallo")
    assert not project.clips("hallo").parent.exists()


# ---- damage -----------------------------------------------------------------------------------------


def test_damaged_clips_are_counted_and_the_run_goes_on(project, small, capsys):
    for stem in STEMS[:3]:
        hallo(project, stem, faststart=True, size=(128, 128))
    (project.raw / GENERATOR / "test" / f"{STEMS[3]}.mp4").write_bytes(b"")
    (project.raw / GENERATOR / "test" / f"{STEMS[4]}.mp4").write_text("no video")
    broken = project.raw / GENERATOR / "test" / f"{STEMS[1]}.mp4"
    broken.write_bytes(broken.read_bytes()[:-400])
    prepare.run(project, with_profile(small, max_failed_share=0.6), "hallo")
    table, frames, _, _ = store_of(project, small)
    assert table["status"].tolist() == ["ok", "error", "ok", "error", "error"]
    assert table["row"].tolist() == [0, -1, 1, -1, -1]
    assert len(frames) == 2
    assert table["reason"].str.contains("truncated|empty|not a readable").tolist() == [
        False,
        True,
        False,
        True,
        True,
    ]
    assert "2 ok, 3 failed, 0 missing" in capsys.readouterr().out


def test_too_many_failures_stop_the_run_and_leave_no_store(project, small, capsys):
    hallo(project)
    for stem in STEMS[1:3]:
        (project.raw / GENERATOR / "test" / f"{stem}.mp4").write_bytes(b"")
    with pytest.raises(CoverageError, match=r"hallo: 2 of 3 clips failed, 66\.7%.*50\.0%.*empty file"):
        prepare.run(project, small, "hallo")
    assert [f.name for f in project.clips("hallo").parent.iterdir()] == [".hallo.scratch"]
    prepare.run(project, with_profile(small, max_failed_share=0.7), "hallo")  # nothing is decoded again
    assert "3 were finished by an earlier run" in capsys.readouterr().out
    assert store_of(project, small)[0]["status"].tolist() == ["ok", "error", "error"]


def test_listed_but_absent_clips_are_missing_not_failed(project, small):
    write_list(project.raw, {}, {"test": ["aaaaaaaaaaa_1", "bbbbbbbbbbb_1", "ccccccccccc_1"]})
    write_truth(project.truth / "celebvhq" / "aaaaaaaaaaa_1.npz", 10)
    write_video(project.raw / "real/celebvhq/aaaaaaaaaaa_1.mp4", 10)
    write_video(project.raw / "real/celebvhq/stranger.mp4", 10)
    prepare.run(project, with_profile(small, max_failed_share=0.0), "celebvhq")
    assert store_of(project, small, "celebvhq")[0]["status"].tolist() == ["ok", "missing", "missing"]
    assert read_json(project.clips("celebvhq") / "meta.json")["unlisted"] == {
        "count": 1,
        "first": ["stranger.mp4"],
    }


def test_reals_that_nobody_has_are_all_missing(project, small):
    write_list(project.raw, {"test": ["001", "002"]}, {})
    prepare.run(project, small, "ffpp")
    table, frames, mel, times = store_of(project, small, "ffpp")
    assert table["status"].tolist() == ["missing", "missing"]
    assert (len(frames), len(mel), len(times)) == (0, 0, 0)


def test_a_clip_without_truth_is_an_error_of_that_clip(project, small):
    hallo(project)
    write_video(project.raw / GENERATOR / "test" / f"{STEMS[1]}.mp4", 10)
    prepare.run(project, small, "hallo")
    assert "does not know this clip" in store_of(project, small)[0]["reason"].iloc[1]


def test_damaged_sound_costs_the_sound_only(project, small):
    write_list(project.raw, {"test": ["001"]}, {})
    write_truth(project.truth / "ffpp" / "001.npz", 25)
    write_video(project.raw / small.source("ffpp").folder / "001.mp4", 25)
    wav = project.raw / "audio/ff++/001.wav"
    wav.parent.mkdir(parents=True)
    wav.write_text("not a sound")
    prepare.run(project, small, "ffpp")
    row = store_of(project, small, "ffpp")[0].iloc[0]
    assert (row["status"], row["mel_frames"]) == ("ok", 0)
    assert row["reason"].startswith("no sound: ")


def test_clips_without_usable_sound_are_counted_and_said(project, small, capsys):
    """Three are ok: one is heard, one has no track, one a damaged one."""
    write_list(project.raw, {"test": ["001", "002", "003"]}, {})
    for stem in ("001", "002", "003"):
        write_truth(project.truth / "ffpp" / f"{stem}.npz", 25)
        heard = tone(1) if stem == "001" else None
        write_video(project.raw / small.source("ffpp").folder / f"{stem}.mp4", 25, sound=heard)
    wav = project.raw / "audio/ff++/003.wav"
    wav.parent.mkdir(parents=True)
    wav.write_text("not a sound")
    prepare.run(project, small, "ffpp")
    assert (
        "ffpp: 2 of the 3 clips that are ok have no usable sound, in 1 of them as it is damaged"
        in capsys.readouterr().out
    )


def test_no_damage_gets_past_the_clip_that_has_it(project, small):
    """Flipped, cut and overwritten bytes: every input comes back as a row with one line of reason."""
    whole = hallo(project, sound=tone(0.8), faststart=True).read_bytes()
    row = {"clip": f"hallo/{STEMS[0]}", "role": "generator", "status": "ok", "reason": "", "path": "x.mp4"}
    outcomes = []
    for seed in range(90):
        rng, broken = np.random.default_rng(seed), bytearray(whole)
        first, last = sorted(rng.integers(len(whole), size=2))
        if seed % 3 == 0:
            broken[first:last] = bytes(int(last - first))
        elif seed % 3 == 1:
            del broken[first:]
        else:
            broken[first : first + 40 : 3] = rng.bytes(len(broken[first : first + 40 : 3]))
        (project.raw / "x.mp4").write_bytes(broken)
        done = prepare.prepare_clip(prepare.Job(row, project, "truth", STORE, {})).row
        outcomes.append(done["status"])
        assert "\n" not in done["reason"]
        assert str(project.root) not in done["reason"]
        assert done["status"] == "ok" or done["reason"]
    assert outcomes.count("error") > 60


# ---- whole or absent --------------------------------------------------------------------------------


def test_a_run_that_breaks_leaves_the_old_store_untouched(project, small, monkeypatch):
    hallo(project)
    prepare.run(project, small, "hallo")
    before = contents(project.clips("hallo"))
    hallo(project, STEMS[1])
    monkeypatch.setattr(prepare, "write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(DiskError, match="no space left"):
        prepare.run(project, small, "hallo")
    assert contents(project.clips("hallo")) == before
    assert sorted(f.name for f in project.clips("hallo").parent.iterdir()) == [".hallo.scratch", "hallo"]


def test_a_killed_run_leaves_no_store_and_the_next_one_goes_on(project, small, capsys):
    """kill -9 in the middle of writing: what stays is not called `hallo`."""
    for stem in STEMS:
        hallo(project, stem)
    here = Path(__file__).parent
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN, here, here.parent, project.root], capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert sorted(f.name for f in project.clips("hallo").parent.iterdir()) == [".hallo.part", ".hallo.scratch"]
    with pytest.raises(DataError, match="not prepared"):
        read_clips(project, small, "hallo")
    prepare.run(project, small, "hallo")
    assert [f.name for f in project.clips("hallo").parent.iterdir()] == ["hallo"]
    assert (store_of(project, small)[0]["status"] == "ok").all()
    assert "6 were finished by an earlier run" in capsys.readouterr().out


def broken_off(project: Paths, params: Params, monkeypatch: pytest.MonkeyPatch, clips: int) -> None:
    """A run that is interrupted after so many clips."""

    def interrupted(work, jobs, *_):
        yield from map(work, jobs[:clips])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "in_order", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare.run(project, params, "hallo")


def finished_before(capsys: pytest.CaptureFixture) -> int:
    found = re.search(r"(\d+) were finished by an earlier run", capsys.readouterr().out)
    return int(found[1]) if found else 0


def test_an_interrupted_run_goes_on_clip_by_clip_and_ends_in_the_same_bytes(project, small, monkeypatch, capsys):
    """Among the clips is a damaged one and one without sound."""
    for stem in STEMS:
        hallo(project, stem, sound=None if stem == STEMS[2] else tone(0.8))
    (project.raw / GENERATOR / "test" / f"{STEMS[1]}.mp4").write_bytes(b"none")
    prepare.run(project, small, "hallo")
    whole = contents(project.clips("hallo"))
    shutil.rmtree(project.clips("hallo"))
    broken_off(project, small, monkeypatch, 3)
    broken_off(project, small, monkeypatch, 2)
    prepare.run(project, small, "hallo")
    assert finished_before(capsys) == 5
    assert contents(project.clips("hallo")) == whole


@pytest.mark.parametrize("change", ["settings", "first clip", "third clip", "new clip", "torn file", "code"])
def test_what_an_interrupted_run_rests_on_is_looked_at_again(project, small, monkeypatch, capsys, change):
    for stem in STEMS[1:]:
        hallo(project, stem)
    broken_off(project, small, monkeypatch, 4)
    if change == "settings":
        small = with_profile(small, store=STORE.model_copy(update={"size": 16}))
    if change.endswith("clip"):
        hallo(project, {"first clip": STEMS[1], "third clip": STEMS[3], "new clip": STEMS[0]}[change], 12)
    kept = project.clips("hallo").parent / ".hallo.scratch"
    if change == "torn file":
        file = next(kept.glob("*.npz"))
        file.write_bytes(file.read_bytes()[:-9])
    if change == "code":
        monkeypatch.setattr(code, "digest", lambda *modules: f"other code of {modules}")
        vouching.for_raw(project, small)
    prepare.run(project, small, "hallo")
    finished = {"settings": 0, "first clip": 3, "third clip": 3, "new clip": 4, "torn file": 3, "code": 0}
    assert finished_before(capsys) == finished[change]
    resumed = contents(project.clips("hallo"))
    prepare.run(project, small, "hallo")
    assert contents(project.clips("hallo")) == resumed


def test_a_second_run_beside_the_first_is_refused(project, small):
    hallo(project)
    with scratch(project.clips("hallo")), pytest.raises(DataError, match="another process is making hallo"):
        prepare.run(project, small, "hallo")
    prepare.run(project, small, "hallo")


def _half(number: int) -> int:
    """Work that brings its process down at one number."""
    if number == 5:
        os.kill(os.getpid(), 9)
    return number // 2


def test_a_process_that_dies_costs_one_item_and_order_stays():
    done = list(in_order(_half, range(12), 2, lambda number: -number))
    assert done == [0, 0, 1, 1, 2, -5, 3, 3, 4, 4, 5, 5]
    assert list(in_order(_half, [], 2, abs)) == []


def test_a_control_corpus_leaves_the_reals_to_the_main_one(project, small):
    variant = Paths(project.root, "no_artefacts", frozenset(["ffpp", "celebvhq"]))
    with pytest.raises(ParamsError, match="read from the main corpus"):
        prepare.run(variant, small, "ffpp")
    hallo(variant)
    vouching.for_raw(variant, small)
    prepare.run(variant, small, "hallo")
    assert (project.root / "data/variants/no_artefacts/clips/hallo/meta.json").is_file()


def test_what_no_clip_wants_any_more_leaves_the_scratch_folder(project, small, monkeypatch):
    """Clips of other settings take room, and a killed run leaves half a file."""
    for stem in STEMS[:3]:
        hallo(project, stem)
    broken_off(project, small, monkeypatch, 2)
    kept = project.clips("hallo").parent / ".hallo.scratch"
    (kept / "x.npz.1.part").write_bytes(b"half")
    broken_off(project, with_profile(small, store=STORE.model_copy(update={"size": 16})), monkeypatch, 1)
    assert sorted(file.suffix for file in kept.iterdir() if file.name != LOCK) == [".npz"]


def test_the_arrays_are_files_as_numpy_writes_them(project, small, tmp_path):
    for stem in STEMS[:2]:
        hallo(project, stem, sound=tone(0.8))
    prepare.run(project, small, "hallo")
    for name in ARRAYS:
        file = project.clips("hallo") / f"{name}.npy"
        np.save(tmp_path / file.name, np.load(file))
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


@needs_samples
def test_the_real_samples_prepare(project, small):
    """Fakes of three shapes with their sound; where their faces are is made up."""
    for source in ("hallo2", "liveportrait", "hallo3"):
        for path in sorted((SAMPLES / small.source(source).folder).rglob("*.mp4"))[:1]:
            row = {
                "clip": f"{source}/{path.stem}",
                "role": small.source(source).role,
                "status": "ok",
                "reason": "",
                "path": str(path.relative_to(SAMPLES)),
            }
            write_truth(project.truth / source / f"{path.stem}.npz", 400)
            (project.raw / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            (project.raw / row["path"]).symlink_to(path)
            done = prepare.prepare_clip(prepare.Job(row, project, "truth", STORE, {}))
            assert done.row["status"] == "ok", done.row["reason"]
            assert done.frames.shape == (6, 32, 32, 3)
            assert len(done.mel) == pytest.approx(100 * done.row["seconds"], abs=15)
