"""Log-mel spectrograms on the video's own clock: what is silent is quiet, what is absent is NaN."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np

from thb.errors import DataError
from thb.media import open_media, packets

RATE = 16_000        # Hz, mono
N_FFT = 400          # 25 ms
HOP_SECONDS = 0.01
HOP = round(RATE * HOP_SECONDS)
N_MELS = 80
FLOOR = 1e-10        # power under which a band counts as silent: the quietest value is -10
META = {"rate": RATE, "n_fft": N_FFT, "hop_seconds": HOP_SECONDS, "n_mels": N_MELS, "unit": "log10 power"}

# Slaney's scale: linear to 1 kHz, logarithmic above.
LINEAR_STEP, BREAK_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
BREAK_MEL = BREAK_HZ / LINEAR_STEP


def clip_mel(path: Path, start: float, seconds: float) -> np.ndarray:
    """float16 [frames, N_MELS] of a file's sound; frame k is centred k hops after the video's first frame.

    `start` is when that first frame is shown by the file's clock, `seconds` how long the video lasts: sound
    beyond its end is left off, and the time before the sound begins is NaN.
    """
    samples, begin = read_track(path)
    lead = round((begin - start) * RATE)           # samples by which the sound comes late (or early, if < 0)
    late = max(0, -(-lead // HOP))                 # whole hops in which there is nothing to hear yet
    wanted = max(1, round(seconds / HOP_SECONDS))
    mel = log_mel(samples[late * HOP - lead:] if late < wanted else samples[:0])
    mel = np.concatenate([np.full((late, N_MELS), np.nan), mel]) if len(mel) else mel
    return mel[:wanted].astype(np.float16)


def read_track(path: Path) -> tuple[np.ndarray, float]:
    """float32 [samples] in -1..1 at RATE, mono, and the time of the first; empty where there is no track."""
    with open_media(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32), 0.0
        stream, resampler = container.streams.audio[0], av.AudioResampler("flt", "mono", RATE)
        if stream.codec_context is None:
            raise DataError("its sound is of no known codec")
        begin, parts = None, []
        for packet in packets(container, stream):
            for frame in _frames(packet):
                begin = (frame.time or 0.0) if begin is None else begin
                parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)] if parts else []
    return np.concatenate(parts) if parts else np.zeros(0, np.float32), begin or 0.0


def _frames(packet: av.Packet) -> list[av.AudioFrame]:
    """A broken stretch of sound is an error of the track: left out, all that follows would come too early."""
    try:
        return packet.decode()
    except av.FFmpegError as e:
        raise DataError("its sound is damaged") from e


def log_mel(samples: np.ndarray) -> np.ndarray:
    """float32 [samples // HOP + 1, N_MELS] of float [samples]; none gives [0, N_MELS]."""
    if not len(samples):
        return np.zeros((0, N_MELS), np.float32)
    padded = np.pad(samples, N_FFT // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(windows * _hann(), axis=1)) ** 2
    return np.log10(np.maximum(power @ mel_bank().T, FLOOR)).astype(np.float32)


@cache
def _hann() -> np.ndarray:
    """Periodic, as a spectrogram wants it."""
    return np.hanning(N_FFT + 1)[:-1]


@cache
def mel_bank() -> np.ndarray:
    """float64 [N_MELS, N_FFT // 2 + 1]: triangles on Slaney's scale, each of unit area."""
    edges = _hertz(np.linspace(0, _mel(RATE / 2), N_MELS + 2))
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE)
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def _mel(hertz: float) -> float:
    return hertz / LINEAR_STEP if hertz < BREAK_HZ else BREAK_MEL + np.log(hertz / BREAK_HZ) / LOG_STEP


def _hertz(mel: np.ndarray) -> np.ndarray:
    above = BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_MEL))
    return np.where(mel < BREAK_MEL, mel * LINEAR_STEP, above)
