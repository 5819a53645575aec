"""Trained detectors as judges of single clips: how each reads a clip, what a score is held against, what it is worth.

All of it travels with the weights: neither the active profile nor anything in results/ has a say in a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from scipy.stats import beta

from thb import detectors
from thb.clips import faces
from thb.core.errors import DataError, ParamsError, check_known
from thb.core.params import Metrics, Store
from thb.core.paths import Paths, check_name
from thb.fits import weights

CALLED, NOT_CALLED, NO_THRESHOLD = "called fake", "not called fake", "no threshold"
REALS = {"mini": "rendered", "hub": "published"}  # corpus -> what its reals are called
ANYWHERE = "haar"  # the finder of weights whose own works on no foreign video
FRAMES_OF = {"facts": 0, "pictures": 2}  # frames that a score of what is no network needs


@dataclass(frozen=True)
class Threshold:
    """What a score is held against: it calls at most `allowed` of `n_real` validation reals fake; None if none can."""

    value: float | None
    fpr: float
    n_real: int
    allowed: int
    reals: str  # which ones it was set on, and holds for


@dataclass(frozen=True)
class Judge:
    """One trained detector, how it reads a clip, and what must be said beside its verdicts."""

    name: str
    model: Any
    store: Store  # what is kept of a clip for it
    finder: str  # what finds the face for it
    threshold: Threshold | None  # None: the weights came without one
    caveats: tuple[str, ...]

    @property
    def bar(self) -> float | None:
        """The score at or above which a clip is called fake; None without a threshold."""
        return self.threshold.value if self.threshold else None

    def verdict(self, score: float) -> str:
        if self.bar is None:
            return NO_THRESHOLD
        return CALLED if score >= self.bar else NOT_CALLED

    @property
    def holds_for(self) -> str:
        """The reals of which the bound on false accusations speaks; '' without a threshold."""
        return f"{self.threshold.reals} reals only" if self.threshold and self.threshold.value is not None else ""

    @property
    def frames_needed(self) -> int:
        """Frames of a clip below which one would be counted as several."""
        return self.model.length if self.model.reads == "frames" else FRAMES_OF[self.model.reads]


def appoint(paths: Paths, names: Sequence[str], fit: str, finder: str, asked: Metrics) -> list[Judge]:
    """The named detectors, or, if none is named, every network that has weights of this fit.

    `finder` is what the user asks for ('' is nothing); `asked` says at which false-positive rate a score is judged.
    """
    check_name("fit", fit)
    if finder:
        check_known("face finder", [finder], faces.ON_PIXELS)
    return [_judge(paths, name, fit, finder, asked) for name in dict.fromkeys(names or _with_weights(paths, fit))]


def _with_weights(paths: Paths, fit: str) -> list[str]:
    names = [name for name in detectors.names() if (_folder(paths, name, fit) / weights.FILE).is_file()]
    if networks := [name for name in names if detectors.load(name).Detector.reads == "frames"]:
        return networks
    raise DataError(f"no network has weights of fit {fit!r}{_how_to_get(paths, detectors.names())}")


def _how_to_get(paths: Paths, names: Sequence[str]) -> str:
    """The end of an error about missing weights."""
    folders = [where(name, "any").parent for name in names for where in (paths.run, paths.imported)]
    known = [f"{f.name}/{file.parent.name}" for f in folders for file in sorted(f.glob(f"*/{weights.FILE}"))]
    return (
        f"; known: {', '.join(known) or 'none yet'}; "
        "`dvc repro` trains them, `thb import-weights` takes over published ones"
    )


def _folder(paths: Paths, name: str, fit: str) -> Path:
    """Where a fit lies; imported ones have names that no fit trained here can have."""
    imported = paths.imported(name, fit)
    return imported if imported.is_dir() else paths.run(name, fit)


def _judge(paths: Paths, name: str, fit: str, finder: str, asked: Metrics) -> Judge:
    check_known("detector", [name], detectors.names())
    folder = _folder(paths, name, fit)
    if not (folder / weights.FILE).is_file():
        raise DataError(f"{name} has no weights of fit {fit!r}{_how_to_get(paths, [name])}")
    trained = weights.vouched(paths, folder, name, fit)
    where = f"weights of {name}/{fit}"
    store, trained_by = _reads(trained.about, where)
    _check_fits(trained.model, store, where)
    by = finder or (trained_by if trained_by in faces.ON_PIXELS else ANYWHERE)
    threshold = _threshold(trained.about, asked.first_fpr, where)
    caveats = (*_worth(threshold, asked.confidence), *_origin(trained, trained_by, by))
    return Judge(name, trained.model, store, by, threshold, caveats)


# ---- what the weights say ---------------------------------------------------------------------------


def _reads(about: Mapping[str, Any], where: str) -> tuple[Store, str]:
    """How the weights read a clip, and the face finder of their training clips."""
    try:
        return Store.model_validate(about["reads"]["store"]), about["reads"]["finder"]
    except (ValidationError, KeyError, TypeError) as e:
        raise DataError(f"{where}: what they say of the clips that they read is damaged: {about.get('reads')!r}") from e


def _check_fits(model: Any, store: Store, where: str) -> None:
    """A network whose units its store cannot give is refused before any video is read."""
    if model.reads != "frames":
        return
    from thb.detectors.base import spans

    try:
        spans(1, store.windows, store.run, model.length, model.config.test_units, None, store.test_windows)
    except ParamsError as e:
        raise DataError(f"{where} contradict themselves: {e}") from e


def _threshold(about: Mapping[str, Any], fpr: float, where: str) -> Threshold | None:
    """The threshold from the validation scores that came with the weights; None where none did."""
    try:
        point = weights.operating_point(about, fpr)
        reals = REALS[about["validation"]["corpus"].partition("/")[0]] if point else ""
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise DataError(f"{where}: their validation scores are damaged ({type(e).__name__})") from e
    if point is None:
        return None
    value = point.threshold if np.isfinite(point.threshold) else None
    return Threshold(value, fpr, point.n_real, point.allowed, reals)


# ---- what a verdict is worth ------------------------------------------------------------------------


def _worth(threshold: Threshold | None, sure: float) -> tuple[str, ...]:
    """How high the true rate can be at a threshold at the (allowed + 1)-th highest of `n_real` reals, in words.

    The share of all reals above that one follows a beta distribution, whatever the scores' own.
    """
    if threshold is None:
        return ("these weights come without validation reals, so there is no threshold: a score alone is no verdict",)
    if threshold.value is None:
        return (f"a {threshold.reals} validation real scores above every validation fake, so there is no threshold",)
    allowed, n_real = threshold.allowed, threshold.n_real
    bound = beta.ppf(sure, allowed + 1, n_real - allowed)
    room = f"{allowed} of {n_real}" if allowed else f"none of only {n_real}"
    return (
        f"{room} {threshold.reals} validation reals may be called fake at the threshold; the true false-positive "
        f"rate may still be up to {bound:.1%} ({sure:.0%} bound), and this holds for {threshold.reals} reals only",
    )


def _origin(trained: weights.Trained, trained_by: str, by: str) -> tuple[str, ...]:
    """Caveats: what the weights were trained on, and how faces were found there, where that matters."""
    if weights.is_imported(trained.run):
        return (f"trained elsewhere: how their clips were read is not known here; {by} finds the faces",)
    rendered = str(trained.about["made_by"]["corpus"]).partition("/")[0] == "mini"
    said = ("trained on rendered heads: a verdict on real footage means little",) if rendered else ()
    if trained_by == by:
        return said
    then = f"{trained_by} found the faces" if trained_by in faces.ON_PIXELS else "it was known where the faces are"
    return (*said, f"in training {then}, here {by} finds them")
