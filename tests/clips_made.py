"""Tiny videos, sounds and a release folder to try the first stages on; all of it made on the spot."""

from __future__ import annotations

import hashlib
import json
import os
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from thb.core.params import Params, Store
from thb.core.params_schema import FaceStore, Sound
from thb.rendered.truth import Truth, pack

RATE = 16_000
SOUND = Sound(rate=RATE, fft=400, hop=160, mels=80)
BITS = 8  # a frame carries its own number as so many black or white bars, lowest bit first

STORE = Store(windows=3, test_windows=3, run=2, size=32, face=FaceStore(size=24, margin=1.3), sound=SOUND)

BESIDE = Path(__file__).resolve().parent.parent.parent  # the folder that holds the repository
SAMPLES = Path(os.environ.get("THB_SAMPLES", BESIDE / "shared" / "samples" / "thb"))
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no sample clips at {SAMPLES} (set THB_SAMPLES)")
YUNET = Path(os.environ.get("THB_YUNET", BESIDE / "shared" / "models" / "face_detection_yunet_2026may.onnx"))
needs_yunet = pytest.mark.skipif(not YUNET.is_file(), reason=f"no weights of YuNet at {YUNET} (set THB_YUNET)")


def with_yunet(params: Params) -> Params:
    """With the hash of the weights that are at hand, as a user names it for a file of his own."""
    net = params.nets["yunet"].model_copy(
        update={"sha256": hashlib.sha256(YUNET.read_bytes()).hexdigest(), "path": str(YUNET)}
    )
    return params.model_copy(update={"nets": {**params.nets, "yunet": net}})


def with_profile(params: Params, **changes: object) -> Params:
    """The active profile, changed."""
    profile = params.active.model_copy(update=changes)
    return params.model_copy(update={"profiles": {**params.profiles, params.profile: profile}})


def write_video(
    path: Path,
    frames: int = 30,
    fps: str = "25",
    size: tuple[int, int] = (64, 64),
    *,
    sound: np.ndarray | None = None,
    sound_starts: float = 0.0,
    codec: str = "aac",
    picture: np.ndarray | None = None,
    turned: int = 0,
    pixel: str = "",
    ticks: list[int] | None = None,
    faststart: bool = False,
    video_codec: str = "libx264",
    film: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """An mp4 whose frames carry their numbers as bars, or show `picture` (uint8 [h, w, 3]) throughout, or a `film`.

    `ticks` are presentation times in units of 1/fps where they are not 0, 1, 2, …
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
        video = _video_stream(container, video_codec, fps, size, pixel, turned)
        rate = 48_000 if codec == "libopus" else RATE  # the only one that it knows
        audio = container.add_stream(codec, rate=rate, layout="mono") if sound is not None else None
        for i in range(frames):
            shown = film(i) if film else drawing(i, size, picture)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            frame.pts, frame.time_base = (ticks[i] if ticks else i), 1 / Fraction(fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            _mux_sound(container, audio, sound, round(sound_starts * RATE))
    return path


def number_of(frame: np.ndarray) -> int:
    """The number that a frame of `write_video` carries (uint8 [h, w, 3])."""
    bars = np.array_split(frame.mean(axis=(0, 2)), BITS)
    return sum(1 << k for k, bar in enumerate(bars) if bar.mean() > 127)


def write_wav(path: Path, sound: np.ndarray) -> Path:
    """Mono 16-bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tone(seconds: float, hertz: float = 440.0, volume: float = 0.3) -> np.ndarray:
    """float32 [samples] at RATE."""
    return (volume * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def write_truth(path: Path, frames: int, box=(0.25, 0.25, 0.75, 0.75), lost: int = 0) -> None:
    """A truth file with the same face in every frame but the first `lost`."""
    boxes, points = np.tile(np.array(box, np.float32), (frames, 1)), np.full((frames, 5, 2), 0.5, np.float32)
    boxes[:lost], points[:lost] = np.nan, np.nan
    blank = np.zeros((frames, 8, 8), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(Truth(blank, blank.astype(bool), boxes, points)))


def write_list(
    raw: Path,
    ffpp: dict[str, list[str]],
    celebvhq: dict[str, list[str]],
    name: str = "real/real_dataset_split.json",
) -> Path:
    """The release's list of reals; stems by split."""
    blocks = {
        split.title(): {
            "FaceForensics++": [f"{s}.mp4" for s in ffpp.get(split, [])],
            "CelebV-HQ": [f"{s}.mp4" for s in celebvhq.get(split, [])],
        }
        for split in ("train", "val", "test")
    }
    path = raw / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(blocks))
    return path


def _video_stream(
    container: av.container.OutputContainer, codec: str, fps: str, size: tuple[int, int], pixel: str, turned: int
):
    stream = container.add_stream(codec, rate=Fraction(fps), options={"preset": "ultrafast", "crf": "12"})
    stream.width, stream.height = size
    stream.pix_fmt, stream.gop_size = "yuv420p", 10
    if pixel:
        stream.codec_context.sample_aspect_ratio = Fraction(pixel)
    if turned:
        stream.set_display_rotation(turned)
    return stream


def drawing(i: int, size: tuple[int, int], picture: np.ndarray | None) -> np.ndarray:
    """A frame that carries its number (uint8 [h, w, 3]), or the picture."""
    if picture is not None:
        return np.ascontiguousarray(picture)
    width, height = size
    lit = (i >> (np.arange(width) * BITS // width)) & 1
    return np.ascontiguousarray(np.broadcast_to((255 * lit)[None, :, None], (height, width, 3)), np.uint8)


def _mux_sound(container: av.container.OutputContainer, stream, sound: np.ndarray, first: int) -> None:
    for begin in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, begin : begin + 1024].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, first + begin, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
