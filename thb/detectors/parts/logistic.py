"""A regularised logistic regression on a table of numbers: what the controls that are no network are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from thb.core.ranges import Flag, Positive


@dataclass(frozen=True)
class Logistic:
    inverse_penalty: Positive  # scikit-learn's C
    iterations: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    balanced: Flag  # weigh both classes alike


def fitted(config: Logistic, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [1 + k]: intercept, then a weight for each column of `features` [n, k]."""
    model = LogisticRegression(
        C=config.inverse_penalty, max_iter=config.iterations, class_weight="balanced" if config.balanced else None
    )
    model.fit(features, labels)
    return np.concatenate([model.intercept_, model.coef_[0]])


def probability(weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    """float64 [n]: the chance of label 1."""
    return expit(weights[0] + features @ weights[1:])
