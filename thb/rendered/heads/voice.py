"""A voice by formant synthesis, and the mouth that goes with it: both come from one track of syllables."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

RATE = 16_000  # samples a second, mono
CONTROL = 200  # control points a second for pitch, formants and lips
HOP, WINDOW = 128, 512  # samples; the filter changes every hop

# vowel: (F1, F2, F3 in Hz; how far the mouth opens 0..1; rounded -1 .. spread 1)
VOWELS = {
    "a": (760, 1250, 2550, 1.00, 0.10),
    "ae": (680, 1700, 2450, 0.85, 0.45),
    "e": (480, 1950, 2600, 0.55, 0.60),
    "i": (300, 2250, 2950, 0.30, 0.90),
    "o": (480, 880, 2500, 0.60, -0.65),
    "u": (330, 800, 2300, 0.28, -0.95),
    "schwa": (520, 1450, 2480, 0.45, 0.00),
}
FORMANT_WIDTHS = (80.0, 110.0, 160.0, 260.0)  # Hz
FOURTH_FORMANT = 3500.0
FRICATIVES = ((5200.0, 1300.0), (3000.0, 900.0), (2200.0, 1600.0))  # centre and width in Hz: s, sh, f
LIP_SMOOTHING_SECONDS = 0.035  # lips are slower than the voice
QUIET = 0.02  # room tone under the pauses, against the loudest vowel


@dataclass(frozen=True)
class Timbre:
    """What stays the same whenever one person speaks."""

    pitch: float  # Hz
    tract: float  # formant scale: a shorter throat sounds higher
    breath: float  # share of noise in the vowels
    tempo: float  # syllables a second
    tilt: float  # how fast high harmonics fall


@dataclass(frozen=True)
class Voice:
    """Something said: the lips at once, the sound when it is asked for (a preview never asks)."""

    timbre: Timbre
    tracks: dict[str, np.ndarray]  # by control point
    seconds: float
    seed: int

    def mouth(self, n_frames: int, fps: float, delay: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Mouth opening 0..1 and width -1..1, float32 [n_frames] each; `delay` seconds late."""
        moments = (np.arange(n_frames) / fps - delay) * CONTROL
        points = np.arange(len(self.tracks["opened"]))
        opened, spread = (np.interp(moments, points, self.tracks[name]) for name in ("opened", "spread"))
        return opened.astype(np.float32), spread.astype(np.float32)

    @cached_property
    def samples(self) -> np.ndarray:
        """The sound, float32 [N] at RATE in -1..1."""
        rng = np.random.default_rng(self.seed)
        source = _pulses(self.timbre, rng, self.tracks["pitch"], self.seconds)
        return _shape(source, self.tracks, self.timbre, rng)


def draw_timbre(rng: np.random.Generator) -> Timbre:
    """One person's voice; high voices come with short throats."""
    height = rng.uniform()
    return Timbre(
        pitch=95.0 * 2.3**height,
        tract=0.90 + 0.25 * height + rng.normal(0.0, 0.02),
        breath=rng.uniform(0.02, 0.12),
        tempo=rng.uniform(3.6, 5.6),
        tilt=rng.uniform(0.7, 1.3),
    )


def speak(timbre: Timbre, rng: np.random.Generator, seconds: float) -> Voice:
    """Some seconds of babble in this voice."""
    tracks = _syllables(timbre, rng, seconds)
    tracks["opened"] = np.clip(_soften(tracks["opened"]), 0.0, 1.0)
    tracks["spread"] = _soften(tracks["spread"])
    return Voice(timbre, tracks, seconds, seed=int(rng.integers(2**63)))


def _syllables(timbre, rng, seconds) -> dict[str, np.ndarray]:
    """Control tracks: loudness of voice and hiss, three formants, pitch, lips."""
    n_points = int(np.ceil(seconds * CONTROL)) + 1
    neutral = VOWELS["schwa"]
    knots = {"moment": [-1.0], "loud": [0.0], "f": [neutral[:3]], "opened": [0.0], "spread": [0.0]}
    hiss, hiss_kind = np.zeros(n_points), np.zeros(n_points, int)
    moment, left = rng.uniform(-0.1, 0.08), int(rng.integers(3, 7))
    while moment < seconds:
        length = rng.uniform(0.75, 1.3) / timbre.tempo
        _add_syllable(knots, rng, moment, length)
        _add_hiss(hiss, hiss_kind, rng, moment)
        moment, left = moment + length, left - 1
        if left == 0:
            _add_pause(knots, moment)
            moment, left = moment + rng.uniform(0.12, 0.35), int(rng.integers(3, 8))
    at = np.arange(n_points) / CONTROL
    tracks = {name: np.interp(at, knots["moment"], knots[name]) for name in ("loud", "opened", "spread")}
    tracks["f"] = np.stack([np.interp(at, knots["moment"], f) for f in zip(*knots["f"], strict=True)])
    return {**tracks, "hiss": hiss, "hiss_kind": hiss_kind, "pitch": _melody(timbre, rng, at)}


def _add_syllable(knots, rng, start, length):
    """Closed at the start, open in the middle, closed again: loudness and lips move together."""
    *formants, opened, spread = VOWELS[list(VOWELS)[rng.integers(len(VOWELS))]]
    stress = rng.uniform(0.65, 1.0)
    closing = rng.uniform(0.0, 0.25)  # 0: the lips meet between syllables
    for share, gain in ((0.02, closing), (0.32, 1.0), (0.72, 0.9), (0.98, closing)):
        knots["moment"].append(start + share * length)
        knots["loud"].append(gain * stress * (0.2 + 0.8 * opened))
        knots["f"].append(formants)
        knots["opened"].append(gain * stress * opened)
        knots["spread"].append(spread)


def _add_pause(knots, start):
    """After a phrase the voice stops and the lips meet."""
    for name, value in (("moment", start), ("loud", 0.0), ("f", knots["f"][-1]), ("opened", 0.0), ("spread", 0.0)):
        knots[name].append(value)


def _add_hiss(hiss, kind, rng, start):
    """Two syllables in five begin with a fricative."""
    if rng.random() < 0.4:
        first = max(0, int((start - 0.04) * CONTROL))
        last = int((start + rng.uniform(0.02, 0.06)) * CONTROL)
        hiss[first:last] = rng.uniform(0.10, 0.25)
        kind[first:last] = rng.integers(len(FRICATIVES))


def _melody(timbre, rng, at):
    """Pitch in Hz: falls over a phrase, with slow waves."""
    waves = sum(0.05 * np.sin(2 * np.pi * rng.uniform(0.4, 2.5) * at + rng.uniform(0, 6.3)) for _ in range(3))
    return timbre.pitch * (1.08 - 0.06 * at + waves)


def _pulses(timbre, rng, pitch, seconds):
    """Glottal flow differentiated: a skewed pulse each period, with a little breath; float64 [N]."""
    n = round(seconds * RATE)
    hertz = np.interp(np.arange(n) / RATE, np.arange(len(pitch)) / CONTROL, pitch)
    phase = np.cumsum(hertz / RATE) % 1.0
    opening = np.minimum(phase / 0.62, 1.0)
    flow = opening**2 * (1.0 - opening) * 6.75
    pulse = np.diff(flow, prepend=0.0) * (RATE / hertz) * 0.2
    return pulse + timbre.breath * rng.standard_normal(n) * flow


def _shape(source, tracks, timbre, rng):
    """Filter source and noise hop by hop with the vocal tract and the fricatives; float32 [N]."""
    n_hops = len(source) // HOP + WINDOW // HOP + 1
    window = np.hanning(WINDOW + 1)[:-1]
    moments = np.arange(n_hops) * HOP / RATE * CONTROL
    at = np.clip(moments.round().astype(int), 0, len(tracks["loud"]) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    voiced = _spectra(source, n_hops, window) * _tract(tracks["f"][:, at] * timbre.tract, hertz, timbre)
    noise = _spectra(rng.standard_normal(len(source)), n_hops, window) * _hiss(tracks["hiss_kind"][at], hertz)
    mix = _level(voiced) * tracks["loud"][at, None] + _level(noise) * tracks["hiss"][at, None]
    samples = _overlap(np.fft.irfft(mix, WINDOW, axis=1) * window, len(source))
    samples /= max(np.abs(samples).max(), 1e-6)
    return (0.7 * samples + QUIET * 0.1 * rng.standard_normal(len(samples))).astype(np.float32)


def _level(spectra):
    """Each hop at the same power, so that a closed vowel is not louder than an open one."""
    return spectra / (np.sqrt(np.mean(np.abs(spectra) ** 2, axis=1, keepdims=True)) + 1e-6)


def _spectra(signal, n_hops, window):
    """Short-time spectra [n_hops, WINDOW // 2 + 1], the first one centred on sample 0."""
    padded = np.concatenate([np.zeros(WINDOW // 2), signal, np.zeros(WINDOW * 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:n_hops]
    return np.fft.rfft(frames * window, axis=1)


def _overlap(frames, length):
    """Sum frames that start HOP apart; the first half window lies before sample 0."""
    out = np.zeros((len(frames) + WINDOW // HOP) * HOP)
    for part in range(WINDOW // HOP):
        block = frames[:, part * HOP : (part + 1) * HOP]
        out[part * HOP : part * HOP + block.size] += block.ravel()
    return out[WINDOW // 2 : WINDOW // 2 + length]


def _tract(formants, hertz, timbre):
    """Gain of the vocal tract [hops, bins] from formant frequencies [3, hops]."""
    fourth = np.full_like(formants[:1], FOURTH_FORMANT * timbre.tract)
    gain = sum(
        level / (1.0 + ((hertz - f[:, None]) / width) ** 2)
        for f, width, level in zip([*formants, *fourth], FORMANT_WIDTHS, (1.0, 0.6, 0.3, 0.12), strict=True)
    )
    return gain * (1.0 + hertz / 500.0) ** -timbre.tilt


def _hiss(kind, hertz):
    """Gain of the fricatives [hops, bins]."""
    bank = np.stack([np.exp(-(((hertz - centre) / width) ** 2)) for centre, width in FRICATIVES])
    return bank[kind]


def _soften(track):
    """Smooth a control track over the lips' reaction time."""
    reach = int(3 * LIP_SMOOTHING_SECONDS * CONTROL)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (LIP_SMOOTHING_SECONDS * CONTROL)) ** 2)
    return np.convolve(np.pad(track, reach, mode="edge"), taps / taps.sum(), mode="valid")
