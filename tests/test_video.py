"""Decoding: the right frames, upright and in the right colours, true facts, and damage that is noticed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from clips_made import SAMPLES, needs_samples, number_of, tone, write_video, write_wav

from thb.clips import video
from thb.clips.sampling import kept_frames
from thb.core.errors import DataError

three_by_two = partial(kept_frames, windows=3, run=2)


def read(path: Path, side: int = 32) -> video.Footage:
    return video.read(path, three_by_two, side)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 30, 67])
def test_the_kept_frames_are_those_that_sampling_names(tmp_path, frames):
    footage = read(write_video(tmp_path / "a.mp4", frames))
    assert footage.frames.shape == (6, 32, 32, 3)
    assert footage.frames.dtype == np.uint8
    assert [number_of(f) for f in footage.frames] == three_by_two(frames).tolist()


@pytest.mark.parametrize(("fps", "expected"), [("10", 10), ("24000/1001", 23.976), ("25", 25), ("30000/1001", 29.97)])
def test_facts_are_those_of_the_container(tmp_path, fps, expected):
    path = write_video(tmp_path / "a.mp4", 20, fps, (96, 64), sound=tone(0.5))
    facts = read(path).facts
    assert facts.fps == pytest.approx(expected, abs=1e-3)
    assert (facts.width, facts.height, facts.n_frames) == (96, 64, 20)
    assert facts.seconds == pytest.approx(20 / expected, rel=1e-3)
    assert (facts.codec, facts.pix_fmt, facts.audio_codec) == ("h264", "yuv420p", "aac")
    assert 0 < facts.bitrate * facts.seconds / 8 < path.stat().st_size


def test_a_silent_video_has_no_audio_codec(tmp_path):
    assert read(write_video(tmp_path / "a.mp4")).facts.audio_codec == ""


def test_times_follow_a_variable_frame_rate(tmp_path):
    ticks = [0, 1, 2, 3, 10, 11, 12, 13, 14, 40]
    footage = read(write_video(tmp_path / "a.mp4", 10, ticks=ticks))
    assert footage.times == pytest.approx(np.array(ticks)[footage.kept] / 25, abs=1e-3)


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_rotation_is_undone(tmp_path, turned):
    """Red is top left once the picture stands as its container says (counter-clockwise by `turned`)."""
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:32, :24, 0] = 255
    stored = np.rot90(upright, -turned // 90)
    path = write_video(tmp_path / "a.mp4", 5, size=stored.shape[1::-1], picture=stored, turned=turned)
    with av.open(str(path)) as container:
        assert abs(next(container.decode(video=0)).rotation) == abs(turned)
    footage = read(path, 48)
    assert (footage.facts.width, footage.facts.height) == (48, 64)
    frame = footage.frames[0].astype(int)
    assert frame.shape == (64, 48, 3)
    assert frame[4:28, 4:20, 0].min() > 200
    assert frame[36:, :, 0].max() < 60
    assert frame[:, 28:, 0].max() < 60


def test_the_shorter_side_is_scaled_and_pixels_are_made_square(tmp_path):
    assert read(write_video(tmp_path / "wide.mp4", 5, size=(128, 64))).frames.shape == (6, 32, 64, 3)
    assert read(write_video(tmp_path / "tall.mp4", 5, size=(64, 96))).frames.shape == (6, 48, 32, 3)
    narrow = read(write_video(tmp_path / "sar.mp4", 5, size=(64, 64), pixel="2/1"))
    assert (narrow.facts.width, narrow.facts.height) == (128, 64)
    assert narrow.frames.shape == (6, 32, 64, 3)


@pytest.mark.parametrize("side", [16, 40, 64, 100])
def test_scaling_averages_instead_of_picking(tmp_path, side):
    """A fine checkerboard becomes grey when made small; nothing jumps when made large."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    picture = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    frame = read(write_video(tmp_path / "a.mp4", 5, picture=picture), side).frames[0].astype(float)
    assert frame.shape == (side, side, 3)
    assert frame.mean() == pytest.approx(127, abs=6)
    if side == 16:
        assert frame.std() < 12


@pytest.mark.parametrize("colour", [(200, 40, 40), (40, 180, 60), (50, 60, 200)])
def test_colours_come_through(tmp_path, colour):
    picture = np.broadcast_to(np.array(colour, np.uint8), (64, 64, 3))
    frame = read(write_video(tmp_path / "a.mp4", 3, picture=picture)).frames[0]
    assert np.abs(frame.reshape(-1, 3).mean(axis=0) - colour).max() < 5


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mp4"])
def test_other_containers_read_alike(tmp_path, suffix):
    """Some containers promise no number of frames."""
    footage = read(write_video(tmp_path / f"a.{suffix}", 31))
    assert footage.facts.n_frames == 31
    assert [number_of(f) for f in footage.frames] == three_by_two(31).tolist()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused_with_its_counts(tmp_path, share):
    path = write_video(
        tmp_path / "a.mp4",
        60,
        size=(128, 128),
        faststart=True,
        picture=np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8),
    )
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"truncated: \d+ of 60 frames|no frame can be decoded"):
        read(path)


def is_refused(path: Path) -> bool:
    try:
        read(path)
    except DataError:
        return True
    return False


def test_flipped_bytes_never_pass_as_whole(tmp_path):
    """Nothing but a refusal is ever raised, and nearly every file is refused: few flips change no picture."""
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    whole = write_video(tmp_path / "a.mp4", 40, size=(96, 96), picture=picture, faststart=True).read_bytes()
    refused = 0
    for seed in range(25):
        rng, broken = np.random.default_rng(seed), bytearray(whole)
        for place in rng.integers(len(whole) // 4, len(whole), 12):
            broken[place] ^= int(rng.integers(1, 255))
        (tmp_path / "b.mp4").write_bytes(broken)
        refused += is_refused(tmp_path / "b.mp4")
    assert refused >= 20


def test_what_is_no_video_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 200)
    write_wav(tmp_path / "sound.mp4", tone(0.5))
    whole = write_video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "alien.mp4").write_bytes(whole.replace(b"avc1", b"zzz9"))
    for name, reason in (
        ("empty", "empty file"),
        ("text", "not a readable media file"),
        ("sound", "no video track"),
        ("absent", "no such file"),
        ("alien", "no known codec"),
    ):
        with pytest.raises(DataError, match=reason) as caught:
            read(tmp_path / f"{name}.mp4")
        assert str(tmp_path) not in str(caught.value)


@needs_samples
def test_the_real_samples_decode_whole():
    clips = sorted(SAMPLES.rglob("*.mp4"))
    assert clips
    for path in clips:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stated, rate, size = stream.frames, float(stream.average_rate), (stream.width, stream.height)
            bitrate = stream.bit_rate
        facts = read(path).facts
        assert facts.n_frames == stated, path.name
        assert facts.fps == pytest.approx(rate)
        assert (facts.width, facts.height) == size
        assert facts.bitrate == pytest.approx(bitrate, rel=0.01)
        assert facts.seconds == pytest.approx(stated / rate, rel=0.01)
        assert facts.audio_codec in ("aac", "mp3")
