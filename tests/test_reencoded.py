"""Clips encoded again: the same bytes every time, faces where they moved to, changes on the same clips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from clips_made import tone, write_video

from thb.clips import audio, video
from thb.core.errors import ParamsError
from thb.reencoded import cells, conditions, files, store
from thb.reencoded import encode as encoding
from thb.reencoded.clips import MovedFinder
from thb.reencoded.conditions import Condition
from thb.reencoded.encode import Moved, encode, on_time
from thb.rendered.encode import mp4

SIDE, RATE = 64, 25


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A bright square on a grey field, in the upper left, for one second; a tone."""
    frames = np.full((RATE, SIDE, SIDE, 3), 90, np.uint8)
    frames[:, 16:24, 8:24] = 230
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    file.write_bytes(mp4(frames, RATE, 18, tone(1.0).astype(np.float32), "aac"))
    return file


def again(clip, tmp_path, name="x", **settings):
    target = tmp_path / f"{name}.mp4"
    return target, encode(clip, target, Condition(says="so", **{"crf": 23, **settings}), name)


def test_the_same_bytes_every_time_and_others_for_another_clip(clip, tmp_path):
    drawn = {"crop": 0.1, "tilt": 0.05, "gamma": 1.3, "noise": 4}
    first = again(clip, tmp_path, **drawn)[0].read_bytes()
    assert again(clip, tmp_path, **drawn)[0].read_bytes() == first
    assert again(clip, tmp_path, "y", **drawn)[0].read_bytes() != first


@pytest.mark.parametrize(
    ("settings", "size", "n"),
    [({}, SIDE, RATE), ({"scale": 0.5}, SIDE // 2, RATE), ({"fps": 15}, SIDE, 15), ({"fps": 60}, SIDE, RATE)],
)
def test_a_clip_has_the_size_the_frames_and_the_sound_that_are_asked_for(clip, tmp_path, settings, size, n):
    file, moved = again(clip, tmp_path, **settings)
    facts = video.read(file, np.arange, SIDE).facts
    assert (facts.width, facts.height, facts.n_frames, facts.audio_codec) == (size, size, n, "aac")
    assert len(moved.frames) == n
    samples, begin = audio.read_track(file, 16_000)
    assert abs(begin) < 0.01
    assert np.abs(np.fft.rfft(samples[2000:10_000])).argmax() * 2 == pytest.approx(440, abs=4)


@pytest.mark.parametrize(("starts", "ticks", "heard"), [(0.4, None, 1.0), (0.0, [*range(10, 10 + RATE)], 0.2)])
def test_what_is_heard_stays_at_its_picture(tmp_path, starts, ticks, heard):
    sound = np.concatenate([np.zeros(9600), tone(0.5)])
    file = write_video(tmp_path / "own.mp4", RATE, sound=sound, sound_starts=starts, ticks=ticks)
    made, _ = again(file, tmp_path)
    assert [onset(file), onset(made)] == pytest.approx([heard, heard], abs=0.03)


def onset(file) -> float:
    """Seconds from the first picture to where a sound begins."""
    samples, begin = audio.read_track(file, 16_000)
    return begin + np.argmax(np.abs(samples) > 0.1) / 16_000 - video.read(file, np.arange, SIDE).start


@pytest.mark.parametrize("key", ["gamma", "blur", "noise"])
def test_what_is_asked_for_is_seen(clip, tmp_path, key):
    plain, changed = (first_of(again(clip, tmp_path, crf=8, **more)[0]) for more in ({}, {key: 3}))
    apart = np.abs(changed - plain)
    field, edge = apart[40:, 40:], apart[14:18, 10:22]
    if key == "gamma":  # all of it brighter, or all darker
        assert field.min() > 10
    elif key == "blur":
        assert edge.mean() > 10 > 2 > field.max()
    else:
        assert 1 < field.mean() < 4


def first_of(file) -> np.ndarray:
    """float [SIDE, SIDE]: how bright the first frame is."""
    return next(iter(video.read(file, np.arange, SIDE).pictures((SIDE, SIDE))))[..., 0].astype(float)


def test_a_tilted_picture_has_no_corner_where_it_was_and_none_outside():
    tilted = encoding._quad(Condition(says="so", crf=23, tilt=0.2), np.random.default_rng(1))
    inwards = (tilted - encoding.CORNERS) * np.sign(0.5 - encoding.CORNERS)
    assert ((inwards > 0) & (inwards < 0.2)).all()
    assert len(np.unique(inwards)) == 8


def test_fewer_bits_are_fewer(clip, tmp_path):
    sizes = [again(clip, tmp_path, crf=crf, noise=5)[0].stat().st_size for crf in (18, 28, 40)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2] + 1000


def test_a_frame_is_shown_when_its_time_has_come():
    assert on_time(np.arange(10) / 25, 25).tolist() == list(range(10))
    assert on_time(np.arange(9) / 32, 16).tolist() == [0, 2, 4, 6, 8]
    assert on_time(np.array([0, 0.1, 0.4]), 10).tolist() == [0, 1, 1, 1, 2]


def test_what_is_known_of_a_face_moves_with_the_picture(clip, tmp_path):
    file, moved = again(clip, tmp_path, crop=0.2, tilt=0.1, crf=10)
    box = np.array([8, 16, 24, 24]) / SIDE

    class Known:
        def find(self, clip, frames, kept):
            from thb.clips.faces import Faces

            return Faces(np.tile(box, (len(kept), 1)), np.tile(box[:2], (len(kept), 5, 1)), 1.0)

    found = MovedFinder(Known(), moved).find({}, np.zeros(0), np.array([0, 3]))
    picture = next(iter(video.read(file, np.arange, SIDE).pictures((SIDE, SIDE))))[..., 0]
    rows, columns = np.nonzero(picture > 170)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / SIDE
    assert np.abs(found.boxes[0] - seen).max() < 0.06
    assert np.abs(found.boxes[0] - box).max() > 0.06
    assert found.landmarks.shape == (2, 5, 2)


def test_without_a_move_points_stay():
    still = Moved(np.arange(3), np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32))
    assert np.allclose(still.points(np.array([[0.2, 0.7]])), [[0.2, 0.7]])


@pytest.mark.parametrize(("n", "wanted", "places"), [(5, 0, 5), (5, 9, 5), (9, 3, 3), (4, 1, 1), (0, 3, 0)])
def test_clips_are_chosen_evenly(n, wanted, places):
    found = store.evenly(n, wanted)
    assert len(set(found.tolist())) == len(found) == places
    assert not places or wanted == 1 or (found[0], found[-1]) == (0, n - 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: s["conditions"]["half"].update(sclae=1.0),
            "unknown key 'conditions.half.sclae'; known: says, scale",
        ),
        (lambda s: s["conditions"]["half"].update(crf=52), "conditions.half.crf = 52: .*less than or equal to 51"),
        (lambda s: s["conditions"]["half"].pop("crf"), "conditions.half.crf is missing"),
        (lambda s: s["reencoded"].append("P2"), "unknown protocol on test clips alone 'P2'; known: P1, P3"),
        (lambda s: s["test_clips"].pop("mini"), "unknown profile without a line .* 'mini'; known: paper, smoke"),
    ],
)
def test_a_fault_of_the_settings_is_one_line(project, params, change, said):
    file = conditions.file_of(project)
    settings = yaml.safe_load(file.read_text())
    change(settings)
    file.write_text(yaml.safe_dump(settings))
    with pytest.raises(ParamsError, match=said):
        conditions.load(project, params)


def test_a_change_is_that_of_the_same_clips_and_a_lost_one_is_on_neither_side():
    own = pd.DataFrame({"clip": list("abcd"), "status": ["ok", "ok", "ok", "error"], "score": [0.1, 0.2, 0.3, np.nan]})
    seen = pd.DataFrame({"clip": list("abd"), "status": ["ok", "error", "error"], "all": [0.9, np.nan, np.nan]})
    after, before, lost = cells.paired(own, seen, "all")
    assert (list(after["clip"]), list(before["clip"]), lost) == (["a"], ["a"], 1)
    assert (after["score"].item(), before["score"].item()) == (0.9, 0.1)


def test_verdicts_heed_how_many_were_asked():
    one = {"protocol": "P1", "metric": "AUC", "generator": "mean", "resolvable": "firm"}
    rows = pd.DataFrame([one | {"change": -0.1, "change_lo": -0.195, "change_hi": -0.005}] * 3)
    assert set(cells.judged(rows.head(1), 0.95)["verdict"]) == {"below"}
    assert set(cells.judged(rows, 0.95)["verdict"]) == {"cannot be told"}
    unresolved = rows.head(1).assign(resolvable="")
    assert set(cells.judged(unresolved, 0.95)["verdict"]) == {"cannot be told"}


def test_every_fit_that_a_protocol_tests_is_scored(project, params):
    found = files.sources_of_fits(params, conditions.load(project, params))
    assert set(found) == {"all", *(f"no-{name}" for name in params.generators)}
    assert set(found["no-hallo"]) == {"ffpp", "celebvhq", "hallo"}
