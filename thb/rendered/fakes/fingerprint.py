"""The camera that films a real clip, and the faint trace that a generator leaves in every frame of a fake."""

from dataclasses import dataclass

import cv2
import numpy as np

from thb.rendered.heads.fields import thrice

NOISE_TILE = 384  # px; frames take their noise from random places of one tile
SMOOTHING_PX = 0.8
cv2.setNumThreads(1)  # the corpus is made by processes, and must not depend on how many


@dataclass(frozen=True)
class Camera:
    """What filming does to a clip."""

    blur: float  # px at side 128
    noise: float  # standard deviation, of 1
    crf: float  # of the codec


@dataclass(frozen=True)
class Trace:
    """What a generator does to every frame: it smooths, and leaves a grid of its own period."""

    smoothing: float  # share of the finest detail that is lost
    grid: float  # amplitude, of 1
    period: float  # px
    angle: float  # radians


NO_TRACE = Trace(smoothing=0.0, grid=0.0, period=4.0, angle=0.0)


def draw_camera(rng: np.random.Generator, crf: tuple[float, float]) -> Camera:
    """One camera; soft and sharp ones, so that sharpness alone tells nothing."""
    return Camera(
        blur=rng.uniform(0.0, 0.75), noise=np.exp(rng.uniform(np.log(0.004), np.log(0.014))), crf=rng.uniform(*crf)
    )


def film(rgb: np.ndarray, camera: Camera, trace: Trace, strength: float, rng: np.random.Generator) -> np.ndarray:
    """float32 frames [T, S, S, 3] of 0..1 as uint8: blur and noise, then the trace, which noise would hide."""
    side = rgb.shape[1]
    tile = rng.standard_normal((NOISE_TILE, NOISE_TILE), dtype=np.float32) * np.float32(camera.noise)
    places = rng.integers(NOISE_TILE - side, size=(len(rgb), 2))
    marks, share = np.float32(strength) * grid(trace, side), min(1.0, strength * trace.smoothing)
    tile, marks = thrice(tile), thrice(marks)
    out = np.empty(rgb.shape, np.uint8)
    for t, (y, x) in enumerate(places):
        frame = blurred(rgb[t], camera.blur * side / 128) + tile[y : y + side, x : x + side]
        if share:
            frame = cv2.addWeighted(frame, 1.0 - share, blurred(frame, SMOOTHING_PX), share, 0.0)
        frame += marks
        np.maximum(frame, 0.0, out=frame)
        cv2.convertScaleAbs(frame, out[t], 255.0)  # rounded, and 255 at most
    return out


def grid(trace: Trace, side: int) -> np.ndarray:
    """Two crossed waves, float32 [S, S]."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    cos, sin = np.cos(trace.angle), np.sin(trace.angle)
    waves = (np.cos(2 * np.pi * (cos * a + sin * b) / trace.period) for a, b in ((x, y), (y, -x)))
    return np.asarray(trace.grid * 0.5 * sum(waves)).astype(np.float32)


def blurred(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of one frame [S, S, 3] by `sigma` px."""
    return cv2.GaussianBlur(frame, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) if sigma > 0.15 else frame
