"""The media that real folders hold: every rate, size, codec and length, prepared like any other clip."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from clips_made import RATE, SOUND, STORE, drawing, number_of, write_video

from thb.clips import clip, faces, video
from thb.clips.sampling import kept_frames

three_by_two = partial(kept_frames, windows=3, run=2)
BEEP = 0.4  # seconds of silence before the tone of `sounding`


class Nobody:
    """A finder that finds nothing: these tests are not about faces."""

    def find(self, clip, frames, kept) -> faces.Faces:
        return faces.whole_frame(len(kept))


def prepared(path: Path) -> clip.Prepared:
    return clip.prepare({"clip": "x/y", "status": "ok", "reason": ""}, path, "none", Nobody(), STORE)


def write_coded(
    path: Path,
    frames: int,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 64),
    ticks: list[int] | None = None,
    **options: str,
) -> Path:
    """A video of numbered frames with a codec's own options; `ticks` are times in 1/25 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(drawing(i, size, None), format="rgb24")
            frame.pts, frame.time_base = (ticks[i] if ticks else i), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sounding(path: Path, codec: str, rate: int, layout: str, seconds: float, frames: int = 30) -> Path:
    """A video with a sound of its own make: silence, then a tone from BEEP on; stereo has it in the left alone."""
    samples = np.zeros((2 if layout == "stereo" else 1, round(seconds * rate)), np.float32)
    late = np.arange(samples.shape[1]) / rate - BEEP
    samples[0] = np.where(late < 0, 0, 0.5 * np.sin(2 * np.pi * 440 * late))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        sound = container.add_stream(codec, rate=rate, layout=layout)
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(drawing(i, (64, 64), None), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for begin in range(0, samples.shape[1], 1152):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, begin : begin + 1152]), "fltp", layout)
            piece.sample_rate, piece.pts, piece.time_base = rate, begin, Fraction(1, rate)
            container.mux(sound.encode(piece))
        container.mux(sound.encode())
    return path


def all_frames(path: Path) -> list[np.ndarray]:
    """Every picture by PyAV's own iteration, uint8 [h, w, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


# ---- pictures ---------------------------------------------------------------------------------------

CODED = {
    "b-frames": {"bf": "3", "g": "12"},
    "open gop": {"bf": "3", "g": "12", "x264-params": "open-gop=1:b-pyramid=normal"},
    "one gop": {"bf": "2", "g": "250"},
    "intra only": {"g": "1"},
}


@pytest.mark.parametrize("how", CODED)
def test_kept_frames_are_those_of_a_full_decode(tmp_path, how):
    """However a file orders its frames: the kept ones are the n-th that are shown."""
    path = write_coded(tmp_path / "a.mp4", 61, **CODED[how])
    footage, whole = video.read(path, three_by_two, 64), all_frames(path)
    assert footage.facts.n_frames == len(whole) == 61
    assert [number_of(f) for f in footage.frames] == [number_of(whole[i]) for i in footage.kept]
    assert footage.kept.tolist() == three_by_two(61).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_variable_frame_rate_keeps_the_nth_frame_at_its_own_time(tmp_path, seed):
    ticks = np.cumsum(np.random.default_rng(seed).integers(1, 9, 40)) - 1
    path = write_coded(tmp_path / "a.mp4", 40, ticks=ticks.tolist(), bf="2")
    footage = video.read(path, three_by_two, 64)
    assert [number_of(f) for f in footage.frames] == footage.kept.tolist() == three_by_two(40).tolist()
    assert footage.times == pytest.approx((ticks[footage.kept] - ticks[0]) / 25, abs=2e-3)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels", "size"),
    [
        ("mp4", "libx264", "yuv444p", (65, 49)),
        ("mkv", "ffv1", "yuv420p", (67, 33)),
        ("mp4", "mpeg4", "yuv420p", (66, 50)),
        ("webm", "libvpx-vp9", "yuv420p", (63, 97)),
        ("avi", "mjpeg", "yuvj420p", (70, 34)),
    ],
)
def test_odd_sizes_and_other_codecs_read_alike(tmp_path, suffix, codec, pixels, size):
    done = prepared(write_coded(tmp_path / f"a.{suffix}", 20, codec, pixels, size))
    assert done.row["status"] == "ok", done.row["reason"]
    assert (done.row["width"], done.row["height"], done.row["n_frames"]) == (*size, 20)
    assert done.frames.shape == (6, 32, 32, 3)


def test_an_odd_video_that_stands_on_its_side_is_set_upright_and_cut_square(tmp_path):
    done = prepared(write_video(tmp_path / "a.mp4", 8, size=(98, 62), turned=90))
    assert (done.row["width"], done.row["height"]) == (62, 98)
    assert done.frames.shape == (6, 32, 32, 3)


@pytest.mark.parametrize("rates", [("10", "24000/1001", "60", "120")])
def test_clips_of_any_rate_keep_as_many_frames_at_even_times(tmp_path, rates):
    for rate in rates:
        done = prepared(write_video(tmp_path / "a.mp4", round(2 * Fraction(rate)), rate))
        assert done.frames.shape[0] == len(done.times) == 6
        assert done.times[4] == pytest.approx(2, abs=float(3 / Fraction(rate)))  # the last run, whatever the rate


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_truncated_clip_is_a_row_with_its_reason(tmp_path, share):
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mp4", 60, size=(128, 128), picture=picture, faststart=True)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    done = prepared(path)
    assert done.row["status"] == "error"
    assert done.row["reason"].startswith(("truncated: ", "no frame can be decoded"))
    assert done.frames is None


# ---- sound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "rate", "layout"),
    [
        ("aac", 48_000, "mono"),
        ("aac", 44_100, "stereo"),
        ("libmp3lame", 44_100, "stereo"),
        ("libmp3lame", 16_000, "mono"),
        ("libopus", 48_000, "stereo"),
        ("ac3", 48_000, "stereo"),
    ],
)
def test_every_sound_is_heard_at_its_time(tmp_path, codec, rate, layout):
    """The tone begins where it does, whatever delay the codec adds of its own."""
    done = prepared(write_sounding(tmp_path / "a.mp4", codec, rate, layout, 1.2))
    assert done.row["mel_frames"] == pytest.approx(120, abs=6)
    loud = np.nan_to_num(done.mel.astype(float), nan=-10).max(axis=1) > -2
    assert int(np.argmax(loud)) == pytest.approx(BEEP / SOUND.hop_seconds, abs=3)
    assert loud[45:110].all()


@pytest.mark.parametrize(("seconds", "hops"), [(0.6, 60), (5.0, 120)])
def test_sound_that_ends_early_or_late_is_neither_stretched_nor_kept(tmp_path, seconds, hops):
    done = prepared(write_sounding(tmp_path / "a.mp4", "aac", RATE, "mono", seconds))
    assert done.row["mel_frames"] == pytest.approx(hops, abs=8)
    assert len(done.mel) <= 120


def test_a_clip_without_sound_has_none(tmp_path):
    done = prepared(write_video(tmp_path / "a.mp4"))
    assert (done.row["status"], done.row["mel_frames"], done.row["audio_codec"]) == ("ok", 0, "")
