"""A control: a logistic regression that sees only what the file's container says, and no pixel.

in    what the clip store says of a clip's container: fps, size, bit rate, codecs
out   the probability of fake, float64 [n] in [0, 1]

Its score shows how far a shortcut gets that has nothing to do with faces.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from safetensors import safe_open

from thb.detectors.parts.logistic import Control
from thb.detectors.parts.logistic import Logistic as Config

NONE = "none"  # a fact the container does not state, such as the audio codec of a silent clip


class Detector(Control):
    reads = "facts"
    arrays = ("weights", "scale")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.vocabulary: dict[str, list[str]] = {}  # per fact, the values met in training
        self.scale = np.zeros(2)  # mean and standard deviation of log bit rate in training

    def learn(self, rows: pd.DataFrame) -> None:
        rates = _log_rate(rows)
        self.vocabulary = {name: sorted(set(values)) for name, values in _categories(rows).items()}
        known = np.isfinite(rates).any()
        self.scale = np.array([np.nanmean(rates), np.nanstd(rates) or 1.0] if known else [0.0, 1.0])

    def features(self, rows: pd.DataFrame) -> np.ndarray:
        """A column per value of each fact that was met in training, then log bit rate (0 if unknown)."""
        facts = _categories(rows)
        columns = [facts[name] == value for name, known in sorted(self.vocabulary.items()) for value in known]
        rate = np.nan_to_num((_log_rate(rows) - self.scale[0]) / self.scale[1])
        return np.stack([*columns, rate], axis=1).astype(np.float64)

    def save(self, path: Path, about: dict[str, str]) -> None:
        """As every control, with the vocabulary beside `about` in the metadata."""
        ((key, text),) = about.items()
        told = json.dumps(json.loads(text) | {"vocabulary": self.vocabulary}, sort_keys=True)
        super().save(path, {key: told})

    def restore(self, path: Path) -> Self:
        with safe_open(path, framework="numpy") as file:
            (text,) = file.metadata().values()
            self.vocabulary = json.loads(text)["vocabulary"]
        return super().restore(path)


def _categories(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Facts that take few values, as text: rate, size and codecs."""
    width, height = (rows.loc[:, side].astype("Int64").astype("string") for side in ("width", "height"))
    return {
        "fps": _text(rows.loc[:, "fps"].round(2)),
        "size": _text(width + "x" + height),
        **{name: _text(rows.loc[:, name]) for name in ("codec", "pix_fmt", "audio_codec")},
    }


def _text(column: pd.Series) -> np.ndarray:
    return column.astype("string").fillna(NONE).replace("", NONE).to_numpy(dtype=object)


def _log_rate(rows: pd.DataFrame) -> np.ndarray:
    """float64 [n]: the logarithm of the bit rate; NaN where it is unknown."""
    rate = rows["bitrate"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.log(np.where(rate > 0, rate, np.nan))
