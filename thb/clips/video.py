"""Decoding through PyAV: what the container says, and the frames worth keeping, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.reformatter import Interpolation, VideoReformatter

from thb.clips.media import open_media, packets
from thb.core.errors import DataError

EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT  # the same pixels on every machine
HELD = (
    160 * 2**20
)  # bytes of a clip's kept frames, as they are coded; a clip with more is decoded twice, frame by frame


@dataclass(frozen=True)
class Facts:
    """What a player would learn from the file; width and height as shown, bitrate of the video alone."""

    fps: float
    width: int
    height: int
    n_frames: int
    seconds: float
    bitrate: float
    codec: str
    pix_fmt: str
    audio_codec: str


@dataclass(frozen=True)
class Footage:
    """The kept frames of one clip."""

    facts: Facts
    frames: np.ndarray  # uint8 [T, h, w, 3] RGB, upright, square pixels, the shorter side as asked
    pictures: Callable[[tuple[int, int]], Iterator[np.ndarray]]  # the same, one after another, of this width and height
    kept: np.ndarray  # int64 [T] frame numbers
    times: np.ndarray  # float32 [T] seconds since the first frame
    start: float  # seconds: where the first frame lies on the file's own clock


def read(path: Path, choose: Callable[[int], np.ndarray], side: int) -> Footage:
    """Decode a clip once and keep the frames that `choose(number of frames)` names.

    A clip is refused if it is empty, is no video, or yields fewer whole frames than its container
    promises: what is left of it would no longer be sampled over its whole length.
    """
    survey = _survey(path)
    taken = _decode(path, choose(max(survey.promised, 1)), side)
    if taken.seen > max(survey.promised, 1):  # the container promised too little: now the number is known
        taken = _decode(path, choose(taken.seen), side)
    _refuse_damage(taken, survey.promised)
    return _footage(path, survey, taken)


# ---- what demuxing alone tells ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Survey:
    promised: int  # frames
    seconds: float  # 0 where no packet carries a time
    bits: int
    fps: float  # 0 where the container names none
    codec: str
    pix_fmt: str
    audio_codec: str


def _survey(path: Path) -> _Survey:
    with open_media(path) as container:
        stream = _video_stream(container)
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        sound = container.streams.audio
        return _Survey(
            *_measure(container, stream),
            rate,
            _codec(stream),
            stream.codec_context.pix_fmt or "",
            _codec(sound[0]) if sound else "",
        )


def _codec(stream: Stream) -> str:
    """`mp3`, whichever of its decoders is at work."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _video_stream(container: InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise DataError("no video track")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DataError("its video track is of no known codec")
    stream.codec_context.thread_count = 1  # the pool has a process a core already
    return stream


def _measure(container: InputContainer, stream: av.VideoStream) -> tuple[int, float, int]:
    """Frames promised, seconds and bits of the video track.

    A truncated file still has the index of what is gone, so the larger of index and packets is the
    promise; packets that an edit list hides are in neither.
    """
    bits, spans = 0, []
    for packet in packets(container, stream):
        bits += 8 * packet.size
        if packet.size and not packet.is_discard:
            begin = packet.pts if packet.pts is not None else packet.dts or 0
            spans.append((begin, begin + (packet.duration or 0)))
    indexed = sum(not entry.is_discard for entry in stream.index_entries)
    ticks = max(end for _, end in spans) - min(begin for begin, _ in spans) if spans else 0
    return max(len(spans), indexed), float(ticks * (stream.time_base or 0)), bits


# ---- one pass over the frames -----------------------------------------------------------------------


class _Pass:
    """Counts every frame of a clip and keeps the wanted ones, scaled."""

    def __init__(self, wanted: np.ndarray, side: int) -> None:
        self.wanted, self.side = wanted, side
        self.seen = self.damaged = 0
        self.kept: dict[int, np.ndarray] = {}
        self.held: dict[int, av.VideoFrame] | None = {}  # the kept frames as they are coded; None if that is too much
        self.times: dict[int, float] = {}
        self.start = 0.0
        self.shown = (0, 0)
        self._chosen = set(wanted.tolist())
        self._scaler = VideoReformatter()

    def take(self, frame: av.VideoFrame, pixel: float) -> None:
        """The next frame; `pixel` is its pixels' width over their height."""
        if self.seen == 0:
            self.start, self.shown = frame.time or 0.0, _shown_size(frame, pixel)
        if self.seen in self._chosen:
            self.kept[self.seen] = _upright(self._scaler, frame, self._size)
            self._hold(frame)
            self.times[self.seen] = np.nan if frame.time is None else frame.time - self.start
        self.damaged += frame.is_corrupt
        self.seen += 1

    def _hold(self, frame: av.VideoFrame) -> None:
        if self.held is not None:
            self.held[self.seen] = frame
            if len(self.held) * sum(plane.buffer_size for plane in frame.planes) > HELD:
                self.held = None

    @property
    def _size(self) -> tuple[int, int]:
        """As displayed, the shorter side `side`."""
        width, height = (max(self.side, round(length * self.side / min(self.shown))) for length in self.shown)
        return width, height

    def pictures(self, path: Path, size: tuple[int, int]) -> Iterator[np.ndarray]:
        """The kept frames, upright, of this width and height; of one that is kept twice, the same twice."""
        scaler = VideoReformatter()
        frames = enumerate(_each_frame(path)) if self.held is None else self.held.items()
        for place, frame in frames:
            if times := int((self.wanted == place).sum()):
                whole = _upright(scaler, frame, size)
                for _ in range(times):
                    yield whole


def _upright(scaler: VideoReformatter, frame: av.VideoFrame, wanted: tuple[int, int]) -> np.ndarray:
    """uint8 [h, w, 3] RGB: turned as the container says, of the width and height that are asked for."""
    turns = _quarter_turns(frame)
    width, height = wanted[::-1] if turns % 2 else wanted
    way = Interpolation.AREA if width < frame.width else Interpolation.BILINEAR
    picture = scaler.reformat(frame, width, height, "rgb24", interpolation=way | EXACT, threads=1)
    return np.rot90(picture.to_ndarray(), turns)


def _decode(path: Path, wanted: np.ndarray, side: int) -> _Pass:
    """What can be decoded of a clip; frames that cannot be are missing from the count, which is checked."""
    taken = _Pass(wanted, side)
    with open_media(path) as container:
        pixel = float(_video_stream(container).sample_aspect_ratio or 1)
    for frame in _each_frame(path):
        taken.take(frame, pixel)
    return taken


def _each_frame(path: Path) -> Iterator[av.VideoFrame]:
    with open_media(path) as container:
        stream = _video_stream(container)
        for packet in packets(container, stream):
            yield from _frames(packet)


def _frames(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except FFmpegError:
        return []


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that set the frame upright."""
    return round(frame.rotation / 90) % 4


def _shown_size(frame: av.VideoFrame, pixel: float) -> tuple[int, int]:
    """Width and height as displayed: pixels made square, the picture upright."""
    width, height = max(1, round(frame.width * pixel)), frame.height
    return (height, width) if _quarter_turns(frame) % 2 else (width, height)


def _refuse_damage(taken: _Pass, promised: int) -> None:
    if taken.seen == 0:
        raise DataError("no frame can be decoded")
    if taken.seen < promised:
        raise DataError(f"truncated: {taken.seen} of {promised} frames")
    if taken.damaged:
        raise DataError(f"damaged: {taken.damaged} of {taken.seen} frames do not decode cleanly")


def _footage(path: Path, survey: _Survey, taken: _Pass) -> Footage:
    seconds = survey.seconds or (taken.seen / survey.fps if survey.fps else 0.0)
    if seconds <= 0:
        raise DataError("neither its frame rate nor its length can be read")
    fps = survey.fps or taken.seen / seconds
    facts = Facts(
        fps, *taken.shown, taken.seen, seconds, survey.bits / seconds, survey.codec, survey.pix_fmt, survey.audio_codec
    )
    times = np.array([taken.times[i] for i in taken.wanted], np.float32)
    times = np.where(np.isnan(times), taken.wanted / fps, times).astype(np.float32)
    frames = np.stack([taken.kept[i] for i in taken.wanted])
    return Footage(facts, frames, partial(taken.pictures, path), taken.wanted, times, taken.start)
