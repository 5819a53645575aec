"""Trained detectors as judges of single clips: what a score is held against, and what a verdict is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from thb import detectors, metrics
from thb.errors import DataError, ParamsError, unknown
from thb.params import Metrics, Params
from thb.paths import Paths, check_name
from thb.records import OK, SCORE_COLUMNS, read_csv, read_json

CALLED, NOT_CALLED, NO_THRESHOLD = "called fake", "not called fake", "no threshold"


@dataclass(frozen=True)
class Judge:
    """One trained detector, its threshold, and what must be said beside its verdicts."""

    name: str
    model: Any
    threshold: float | None
    caveats: tuple[str, ...]

    def verdict(self, score: float) -> str:
        if self.threshold is None:
            return NO_THRESHOLD
        return CALLED if score >= self.threshold else NOT_CALLED


def appoint(paths: Paths, params: Params, names: Sequence[str], fit: str) -> list[Judge]:
    """The named detectors, or, if none is named, every network that has weights of this fit."""
    check_name("fit", fit)
    return [_judge(paths, params, name, fit) for name in dict.fromkeys(names or _with_weights(paths, fit))]


def _with_weights(paths: Paths, fit: str) -> list[str]:
    names = [name for name in detectors.names() if _weights(paths, name, fit).is_file()]
    if networks := [name for name in names if detectors.load(name).Detector.reads == "frames"]:
        return networks
    raise DataError(f"no network has weights of fit {fit!r}{_how_to_get(paths, detectors.names())}")


def _how_to_get(paths: Paths, names: Sequence[str]) -> str:
    """The end of a sentence on missing weights."""
    folders = [where(name, "any").parent for name in names for where in (paths.run, paths.imported)]
    known = [f"{f.name}/{file.parent.name}" for f in folders for file in sorted(f.glob("*/weights.safetensors"))]
    return (f"; known: {', '.join(known) or 'none yet'}; "
            "`dvc repro` trains them, `thb import-weights` takes over published ones")


def _weights(paths: Paths, name: str, fit: str) -> Path:
    return _folder(paths, name, fit) / "weights.safetensors"


def _folder(paths: Paths, name: str, fit: str) -> Path:
    """Where a fit lies; imported ones have names that no fit trained here can have."""
    imported = paths.imported(name, fit)
    return imported if imported.is_dir() else paths.run(name, fit)


def _judge(paths: Paths, params: Params, name: str, fit: str) -> Judge:
    if name not in detectors.names():
        raise ParamsError(unknown("detector", name, detectors.names()))
    weights = _weights(paths, name, fit)
    if not weights.is_file():
        raise DataError(f"{name} has no weights of fit {fit!r}{_how_to_get(paths, [name])}")
    model = detectors.restore(weights, name)
    _check_fits(model, name, params)
    threshold, basis = _threshold(paths, params.metrics, name, fit)
    return Judge(name, model, threshold, (*basis, *_origin(paths, params, name, fit)))


def _check_fits(model: Any, name: str, params: Params) -> None:
    """A network whose units the store of this profile cannot give is refused before any video is read."""
    if model.reads != "frames":
        return
    from thb.detectors.base import spans

    store = params.active.store
    try:
        spans(1, store.windows, store.run, model.length, model.config.test_units, None)
    except ParamsError as e:
        raise ParamsError(f"{name} does not go with profile {params.profile!r}: {e}") from e


def _threshold(paths: Paths, asked: Metrics, name: str, fit: str) -> tuple[float | None, tuple[str, ...]]:
    """The lowest validation score that calls no more validation reals fake than is asked, and what it rests on."""
    if not paths.scores(name, fit).is_file():
        return None, ("no validation scores, so no threshold: a score alone is no verdict",)
    rows = read_csv(paths.scores(name, fit), SCORE_COLUMNS)
    rows = rows[(rows["use"] == "val") & (rows["status"] == OK)]
    point = metrics.tpr_at_fpr(rows["label"].to_numpy(), rows["score"].to_numpy(), asked.first_fpr)
    if not np.isfinite(point.threshold):
        return None, ("a validation real scores above every validation fake, so there is no threshold",)
    return point.threshold, (_worth(point.n_real, point.allowed, asked.confidence),)


def _worth(n_real: int, allowed: int, sure: float) -> str:
    """How high the true rate can be at a threshold at the (allowed + 1)-th highest of `n_real` reals, in words.

    The share of all reals above that one follows a beta distribution, whatever the scores' own.
    """
    bound = beta.ppf(sure, allowed + 1, n_real - allowed)
    room = f"{allowed} of {n_real}" if allowed else f"none of only {n_real}"
    return (f"{room} validation reals may be called fake at the threshold; the true false-positive rate "
            f"may still be up to {bound:.1%} ({sure:.0%} bound)")


def _origin(paths: Paths, params: Params, name: str, fit: str) -> tuple[str, ...]:
    """What the weights were trained on, where that matters."""
    file = _folder(paths, name, fit) / "run.json"
    profile = params.profiles.get(read_json(file).get("profile", "")) if file.is_file() else None
    rendered = profile is not None and profile.corpus == "mini"
    return ("trained on rendered heads: a verdict on real footage means little",) if rendered else ()
