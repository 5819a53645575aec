"""What a control is: a regularised logistic regression on a table of numbers, which sees no face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from typing_extensions import TypeVar

from thb.core.ranges import Flag, Positive


@dataclass(frozen=True)
class Logistic:
    inverse_penalty: Positive  # scikit-learn's C
    iterations: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    balanced: Flag  # weigh both classes alike
    makes_fakes: ClassVar[bool] = False

    def check_store(self, store: object, length: int, explained: int = 0) -> None:
        """A control has enough in any clip store."""


Settings = TypeVar("Settings", bound=Logistic, default=Logistic, covariant=True)


class Control(ABC, Generic[Settings]):
    """A detector that is no network; subclasses write `learn` and `features`."""

    reads: ClassVar[Literal["facts", "pictures"]]
    hears: ClassVar[bool] = False
    arrays: ClassVar[tuple[str, ...]]  # names of the attributes that a weights file holds
    measures: ClassVar[tuple[str, ...]] = ()  # names of what `measure` takes of a clip's frames; if it reads pictures
    config: Settings

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.weights = np.zeros(1)  # intercept, then one a feature

    def measure(self, clip: np.ndarray) -> np.ndarray:
        """float64 [measures] of one clip, uint8 [windows, run, S, S, 3] RGB."""
        raise NotImplementedError

    @abstractmethod
    def learn(self, rows: pd.DataFrame) -> None:
        """Set what `features` needs to know of the training clips."""

    @abstractmethod
    def features(self, rows: pd.DataFrame) -> np.ndarray:
        """float64 [n, k]; `rows` has a column for each measure."""

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from clips with their `label`."""
        self.learn(rows)
        model = LogisticRegression(
            C=self.config.inverse_penalty,
            max_iter=self.config.iterations,
            class_weight="balanced" if self.config.balanced else None,
        )
        model.fit(self.features(rows), rows["label"].to_numpy())
        self.weights = np.concatenate([model.intercept_, model.coef_[0]])
        return self

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """float64 [n] in [0, 1]: the probability of fake."""
        return expit(self.weights[0] + self.features(rows) @ self.weights[1:])

    def save(self, path: Path, about: dict[str, str]) -> None:
        """Write a safetensors file with `about` as its metadata."""
        save_file({name: getattr(self, name) for name in self.arrays}, path, about)

    def restore(self, path: Path) -> Self:
        """Itself, with what `save` wrote."""
        with safe_open(path, framework="numpy") as file:
            for name in self.arrays:
                setattr(self, name, file.get_tensor(name))
        return self
