"""A control: a logistic regression that sees only what the file's container says, and no pixel.

in    what the clip store says of a clip's container: fps, size, bit rate, codecs
out   the probability of fake, float64 [n] in [0, 1]

Its score shows how far a shortcut gets that has nothing to do with faces.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from thb.detectors.parts.logistic import Logistic as Config
from thb.detectors.parts.logistic import fitted, probability

NONE = "none"  # a fact the container does not state, such as the audio codec of a silent clip


class Detector:
    reads: ClassVar[str] = "facts"
    hears: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self.vocabulary: dict[str, list[str]] = {}  # per fact, the values met in training
        self.scale = np.zeros(2)  # mean and spread of log bit rate in training
        self.weights = np.zeros(1)  # intercept, then one per feature

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from clips with their `label`."""
        facts, rates = _categories(rows), _log_rate(rows)
        self.vocabulary = {name: sorted(set(values)) for name, values in facts.items()}
        self.scale = (
            np.array([np.nanmean(rates), np.nanstd(rates) or 1.0])
            if np.isfinite(rates).any()
            else (np.array([0.0, 1.0]))
        )
        self.weights = fitted(self.config, self._features(rows), rows["label"].to_numpy())
        return self

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """float64 [n]: the probability of fake; a value never met in training says nothing."""
        return probability(self.weights, self._features(rows))

    def _features(self, rows: pd.DataFrame) -> np.ndarray:
        """float64 [n, features]: a column per known value of each fact, then log bit rate (0 if unknown)."""
        facts = _categories(rows)
        columns = [facts[name] == value for name, known in sorted(self.vocabulary.items()) for value in known]
        rate = np.nan_to_num((_log_rate(rows) - self.scale[0]) / self.scale[1])
        return np.stack([*columns, rate], axis=1).astype(np.float64)

    def save(self, path: Path, about: dict[str, str]) -> None:
        """`about`, with the vocabulary, is the file's metadata; numbers are tensors; nothing is pickled."""
        ((key, text),) = about.items()
        told = json.dumps(json.loads(text) | {"vocabulary": self.vocabulary}, sort_keys=True)
        save_file({"weights": self.weights, "scale": self.scale}, path, {key: told})

    @classmethod
    def restore(cls, path: Path, config: Config) -> Self:
        detector = cls(config)
        with safe_open(path, framework="numpy") as file:
            (text,) = file.metadata().values()
            detector.vocabulary = json.loads(text)["vocabulary"]
            detector.weights, detector.scale = file.get_tensor("weights"), file.get_tensor("scale")
        return detector


def _categories(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Facts that take few values, as text: rate, size and codecs."""
    return {
        "fps": _text(rows["fps"].round(2)),
        "size": _text(
            rows["width"].astype("Int64").astype("string") + "x" + rows["height"].astype("Int64").astype("string")
        ),
        **{name: _text(rows[name]) for name in ("codec", "pix_fmt", "audio_codec")},
    }


def _text(column: pd.Series) -> np.ndarray:
    return column.astype("string").fillna(NONE).replace("", NONE).to_numpy(dtype=object)


def _log_rate(rows: pd.DataFrame) -> np.ndarray:
    """float64 [n]: the logarithm of the bit rate; NaN where it is unknown."""
    rate = rows["bitrate"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.log(np.where(rate > 0, rate, np.nan))
