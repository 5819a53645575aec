"""A control: a logistic regression on a few numbers of the whole picture, which know nothing of faces.

in    uint8 [windows, run, S, S, 3] RGB: a clip's kept frames, of which the first two of some runs are looked at
out   the probability of fake, float64 [n] in [0, 1]; motion takes both frames, all else the first of the two

Its score shows how far colour, sharpness, noise, block edges and the amount of motion get by themselves. Where
`prepare` changed the size of the frames, their block edges are no longer the codec's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from thb.core.ranges import Count
from thb.detectors.parts.logistic import Control, Logistic

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLOCK = 8  # pixels between the block edges of JPEG and of most video codecs
SAME = 1e-9  # a measure that spreads less is the same for every clip
FAINT = 1e-3  # grey values; below it no measure that is taken as a logarithm tells anything


@dataclass(frozen=True)
class Config(Logistic):
    runs: Count  # runs of consecutive frames that are looked at, evenly spaced among those kept


class Detector(Control[Config]):
    reads = "pictures"
    arrays = ("weights", "middle", "spread")
    measures = (
        "red",
        "green",
        "blue",
        "red_spread",
        "green_spread",
        "blue_spread",
        "saturation",
        "clipped",
        "gradient",
        "fine",
        "coarse",
        "blocks",
        "motion",
        "motion_spread",
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.middle, self.spread = np.zeros(len(self.measures)), np.ones(len(self.measures))

    def measure(self, clip: np.ndarray) -> np.ndarray:
        chosen = np.linspace(0, len(clip) - 1, min(self.config.runs, len(clip))).round().astype(int)
        channels = np.ascontiguousarray(np.moveaxis(clip[chosen, :2], -1, 0), np.float32)
        grey = np.tensordot(LUMA, channels, 1)
        return np.array([*_colours(channels[:, :, 0]), *_edges(grey[:, 0]), *_motion(grey)], np.float64)

    def learn(self, rows: pd.DataFrame) -> None:
        numbers = rows[list(self.measures)].to_numpy(np.float64)
        spread = numbers.std(axis=0)
        self.middle, self.spread = numbers.mean(axis=0), np.where(spread > SAME, spread, 1.0)

    def features(self, rows: pd.DataFrame) -> np.ndarray:
        return (rows[list(self.measures)].to_numpy(np.float64) - self.middle) / self.spread


def _colours(channels: np.ndarray) -> list[float]:
    """Mean and spread of each channel [3, ...], how colourful a pixel is, the share of pixels at the scale's ends."""
    highest, lowest = channels.max(axis=0), channels.min(axis=0)
    return [
        *(c.mean() for c in channels),
        *(c.std() for c in channels),
        (highest - lowest).mean(),
        ((highest == 255) | (lowest == 0)).mean(),
    ]


def _edges(grey: np.ndarray) -> list[float]:
    """Logarithms: steepness, detail at one pixel and at two, steps at block edges against those elsewhere."""
    down, across = np.abs(np.diff(grey, axis=-2)), np.abs(np.diff(grey, axis=-1))
    halved = (grey[..., ::2, ::2] + grey[..., 1::2, ::2] + grey[..., ::2, 1::2] + grey[..., 1::2, 1::2]) / 4
    return [
        _log(down.mean() + across.mean()),
        _log(_detail(grey)),
        _log(_detail(halved)),
        _at_blocks(across) + _at_blocks(down.swapaxes(-1, -2)),
    ]


def _detail(grey: np.ndarray) -> float:
    """The mean size of what four neighbours do not tell of a pixel."""
    around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
    return np.abs(grey[..., 1:-1, 1:-1] - around / 4).mean()


def _at_blocks(steps: np.ndarray) -> float:
    edge = np.arange(steps.shape[-1]) % BLOCK == BLOCK - 1
    return _log(steps[..., edge].mean()) - _log(steps[..., ~edge].mean())


def _motion(grey: np.ndarray) -> list[float]:
    """Logarithms of the mean and the spread of what changes between consecutive frames; runs of one show none."""
    change = np.abs(np.diff(grey, axis=1)) if grey.shape[1] > 1 else np.zeros(1)
    return [_log(change.mean()), _log(change.std())]


def _log(value: float) -> float:
    return float(np.log(value + FAINT))
