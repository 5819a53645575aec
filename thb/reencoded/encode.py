"""One clip encoded again under a condition: the same bytes every time, a frame in memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer

from thb.clips import audio, video
from thb.clips.media import DAMAGE
from thb.core.errors import DataError
from thb.reencoded.conditions import Condition
from thb.rendered.encode import X264
from thb.rendered.seeds import stream

RATE, LAYOUT = 48_000, "mono"  # detectors hear one channel
QUICK = {"aac_coder": "fast"}  # else sound takes longer than pictures
BITS = 64_000  # a second, of sound
BLOCK = 1024  # samples of an AAC frame
LOOKED_AT = 16  # pixels of the frames in which nothing is looked at but their times
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)  # of a frame, as fractions of its sides


@dataclass(frozen=True)
class Moved:
    """Where things of the clip are in what was made of it."""

    frames: np.ndarray  # int64 [n]: of each frame, which of the clip's it shows
    quad: np.ndarray  # float32 [4, 2]: the corners of what it shows, as fractions of the clip's frame

    def points(self, of: np.ndarray) -> np.ndarray:
        """float [..., 2] of points, fractions of the clip's sides, as fractions of the new ones'."""
        flat = np.asarray(of, np.float64).reshape(1, -1, 2)
        return cv2.perspectiveTransform(flat, cv2.getPerspectiveTransform(self.quad, CORNERS)).reshape(of.shape)


def encode(source: Path, target: Path, condition: Condition, clip: str) -> Moved:
    """Write `source` to `target` under the condition; `clip`, its name, decides on what is drawn.

    Raises DataError of a clip that cannot be decoded whole.
    """
    footage = video.read(source, np.arange, LOOKED_AT)
    fps = footage.facts.fps if condition.fps is None else min(condition.fps, footage.facts.fps)
    shown, drawn = on_time(footage.times, fps), stream("re-encoded", clip)
    moved = Moved(shown, _quad(condition, drawn))
    size = tuple(2 * max(8, round(side * condition.scale / 2)) for side in (footage.facts.width, footage.facts.height))
    change = _Change(condition, drawn, moved, (size[0], size[1]))
    pictures = _repeated(footage.pictures(change.size), np.bincount(shown, minlength=len(footage.times)))
    sound = _sound(source, footage.start)
    with av.open(str(target), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = _picture_stream(container, change.size, fps, condition.crf)
        heard = _sound_stream(container) if sound else None
        for frame in map(change, pictures):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(picture.encode())
        if heard and sound:
            for block in _blocks(*sound):
                container.mux(heard.encode(block))
            container.mux(heard.encode())
    return moved


def on_time(times: np.ndarray, fps: float) -> np.ndarray:
    """int64 [n]: of each frame at this rate, the number of the one that is then shown, to the end of the clip.

    `times` float [T], seconds since the first one. At the clip's own even rate each is shown once.
    """
    ticks = np.maximum.accumulate(np.floor(times * fps + 0.5).astype(np.int64))
    return np.searchsorted(ticks, np.arange(ticks[-1] + 1), side="right") - 1


def _repeated(pictures: Iterator[np.ndarray], times: np.ndarray) -> Iterator[np.ndarray]:
    for picture, n in zip(pictures, times.tolist(), strict=True):
        yield from repeat(picture, n)


# ---- pictures ---------------------------------------------------------------------------------------


def _quad(condition: Condition, drawn: np.random.Generator) -> np.ndarray:
    """What of the frame is filmed: its corners pulled inwards, as fractions of its sides."""
    left, top, right, bottom = drawn.uniform(0, condition.crop, 4)
    inwards = np.array([[left, top], [-right, top], [-right, -bottom], [left, -bottom]])
    off = drawn.uniform(0, condition.tilt, (4, 2)) * np.sign(0.5 - CORNERS)
    return (CORNERS + inwards + off).astype(np.float32)


class _Change:
    """What a condition makes of a picture, uint8 [h, w, 3]; `size` is its width and height."""

    def __init__(self, condition: Condition, drawn: np.random.Generator, moved: Moved, size: tuple[int, int]) -> None:
        self.size, self._condition, self._drawn = size, condition, drawn
        exponent = np.exp(drawn.uniform(-1, 1) * np.log(condition.gamma))
        self._shades = np.round(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
        self._filmed = None
        if condition.crop or condition.tilt:
            side = np.array(size, np.float32)
            self._filmed = cv2.getPerspectiveTransform(moved.quad * side, CORNERS * side)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        asked, changed = self._condition, picture
        if self._filmed is not None:
            changed = cv2.warpPerspective(changed, self._filmed, self.size, borderMode=cv2.BORDER_REPLICATE)
        if asked.gamma > 1:
            changed = self._shades[changed]
        if asked.blur:
            changed = cv2.GaussianBlur(changed, (0, 0), asked.blur)
        if asked.noise:
            noise = self._drawn.standard_normal(changed.shape, np.float32)
            changed = np.clip(np.rint(changed + asked.noise * noise), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(changed)


def _picture_stream(container: OutputContainer, size: tuple[int, int], fps: float, crf: float) -> av.VideoStream:
    rate = Fraction(fps).limit_denominator(1001)
    stream = container.add_stream("libx264", rate=rate, options={**X264, "crf": f"{crf:.1f}"})
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.flags |= Flags.bitexact
    return stream


# ---- sound ------------------------------------------------------------------------------------------


def _sound(source: Path, start: float) -> tuple[np.ndarray, int] | None:
    """float32 [samples], and by how many of them they come after the first picture; None: there is none to be had."""
    try:
        samples, begin = audio.read_track(source, RATE)
    except (DataError, *DAMAGE):  # as in `prepare`, a damaged track is no sound
        return None
    late = round((begin - start) * RATE)
    samples = samples[max(0, -late) :]
    return (samples, max(0, late)) if len(samples) else None


def _sound_stream(container: OutputContainer) -> av.AudioStream:
    stream = container.add_stream("aac", rate=RATE, layout=LAYOUT, options=QUICK)
    stream.bit_rate = BITS
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _blocks(samples: np.ndarray, late: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), BLOCK):
        block = av.AudioFrame.from_ndarray(samples[None, start : start + BLOCK], format="fltp", layout=LAYOUT)
        block.sample_rate, block.pts, block.time_base = RATE, late + start, Fraction(1, RATE)
        yield block
