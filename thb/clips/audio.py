"""Log-mel spectrograms on the video's own clock: what is silent is quiet, what is absent is NaN."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from thb.clips.media import open_media, packets
from thb.core.errors import DataError
from thb.core.params_schema import Sound

FLOOR = 1e-10  # power under which a band counts as silent: the quietest value is -10

# Slaney's scale: linear to 1 kHz, logarithmic above.
LINEAR_STEP, BREAK_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
BREAK_MEL = BREAK_HZ / LINEAR_STEP


def clip_mel(path: Path, start: float, seconds: float, sound: Sound) -> np.ndarray:
    """float16 [frames, mels] of a file's sound; frame k is centred k hops after the video's first frame.

    `start` is when that first frame is shown by the file's clock, `seconds` how long the video lasts: sound
    beyond its end is left off, and the time before the sound begins is NaN.
    """
    samples, begin = read_track(path, sound.rate)
    lead = round((begin - start) * sound.rate)  # samples by which the sound comes late (or early, if < 0)
    late = max(0, -(-lead // sound.hop))  # whole hops in which there is nothing to hear yet
    wanted = max(1, round(seconds / sound.hop_seconds))
    mel = log_mel(samples[late * sound.hop - lead :] if late < wanted else samples[:0], sound)
    mel = np.concatenate([np.full((late, sound.mels), np.nan), mel]) if len(mel) else mel
    return mel[:wanted].astype(np.float16)


def read_track(path: Path, rate: int) -> tuple[np.ndarray, float]:
    """float32 [samples] in -1..1 at `rate` Hz, mono, and the time of the first; empty where there is no track."""
    with open_media(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32), 0.0
        stream, resampler = container.streams.audio[0], av.AudioResampler("flt", "mono", rate)
        if stream.codec_context is None:
            raise DataError("its sound is of no known codec")
        begin, parts = None, []
        for packet in packets(container, stream):
            for frame in _frames(packet):
                begin = (frame.time or 0.0) if begin is None else begin
                parts += [_samples(piece) for piece in resampler.resample(frame)]
        parts += [_samples(piece) for piece in resampler.resample(None)] if parts else []
    return np.concatenate(parts) if parts else np.zeros(0, np.float32), begin or 0.0


def _samples(piece: av.AudioFrame) -> np.ndarray:
    """float32 [samples] of the resampler's format, read in place: `to_ndarray` takes three times as long."""
    return np.frombuffer(memoryview(piece.planes[0]), np.float32, piece.samples)


def _frames(packet: av.Packet) -> list[av.AudioFrame]:
    """A broken stretch of sound is an error of the track: left out, all that follows would come too early."""
    try:
        return packet.decode()
    except FFmpegError as e:
        raise DataError("its sound is damaged") from e


def log_mel(samples: np.ndarray, sound: Sound) -> np.ndarray:
    """float32 [samples // hop + 1, mels] of float [samples]; none gives [0, mels]."""
    if not len(samples):
        return np.zeros((0, sound.mels), np.float32)
    padded = np.pad(samples, sound.fft // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, sound.fft)[:: sound.hop]
    power = np.abs(np.fft.rfft(windows * _hann(sound.fft), axis=1)) ** 2
    return np.log10(np.maximum(power @ mel_bank(sound).T, FLOOR)).astype(np.float32)


@cache
def _hann(length: int) -> np.ndarray:
    """Periodic, as a spectrogram wants it."""
    return np.hanning(length + 1)[:-1]


def mel_bank(sound: Sound) -> np.ndarray:
    """float64 [mels, fft // 2 + 1]: triangles on Slaney's scale, each of unit area."""
    edges = _hertz(np.linspace(0, _mel(sound.rate / 2), sound.mels + 2))
    bins = np.fft.rfftfreq(sound.fft, 1 / sound.rate)
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def _mel(hertz: float) -> float:
    return hertz / LINEAR_STEP if hertz < BREAK_HZ else BREAK_MEL + np.log(hertz / BREAK_HZ) / LOG_STEP


def _hertz(mel: np.ndarray) -> np.ndarray:
    above = BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_MEL))
    return np.where(mel < BREAK_MEL, mel * LINEAR_STEP, above)
