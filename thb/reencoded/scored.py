"""The scores of clips that were encoded again: where they are kept, and read only if they fit the scores before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from thb.core import code, csv_checks, origin
from thb.core.errors import DataError
from thb.core.origin import Origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_csv
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.reencoded.conditions import Reencoding
from thb.splits import protocols


def place(paths: Paths, detector: str) -> Path:
    return paths.results / "reencoded" / f"{detector}.csv"


def mend(detector: str) -> str:
    """The command that makes them anew."""
    return f"thb score-reencoded {detector}"


def sources_of_fits(params: Params, settings: Reencoding) -> dict[str, list[str]]:
    """Fit -> the sources on whose test clips a protocol tests it."""
    reals, found = params.of_role("real"), {}
    for trial in protocols.trials(params, settings.reencoded):
        for fit in trial.fits:
            found.setdefault(fit, dict.fromkeys(reals))[trial.generator] = None
    return {fit: list(sources) for fit, sources in found.items()}


def columns(params: Params, settings: Reencoding) -> list[str]:
    """A row a condition and clip, and in it a score for each fit that tests it."""
    return ["condition", "clip", "source", *sources_of_fits(params, settings), "status", "reason"]


def made_by(params: Params, settings: Reencoding, detector: str) -> Origin:
    """Of one detector's file, as `score-reencoded` would make it."""
    active = params.active
    said = [params.detector(detector), active.training_seed, *_settings(params, settings)]
    digest = code.digest("reencoded.score", f"detectors.{detector}")
    return Origin("score-reencoded", active.corpus, params.profile, active.seed, origin.digest(said), digest)


def _settings(params: Params, settings: Reencoding) -> list[Any]:
    """What decides on the clips, but for the words by which conditions are called."""
    conditions = {name: one.model_dump(exclude={"says"}) for name, one in settings.conditions.items()}
    return [conditions, settings.reencoded, settings.test_clips[params.profile].model_dump()]


def record(paths: Paths, params: Params, settings: Reencoding, detector: str, **more: Any) -> dict[str, Any]:
    """What stands beside a file of scores."""
    file = place(paths, detector)
    made = made_by(params, settings, detector)
    return origin.record(made, file.parent, [file.name], kind="scores of re-encoded clips", detector=detector, **more)


def read(paths: Paths, params: Params, settings: Reencoding, detector: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """The scores, and fit -> why there are none of it; DataError unless they are of the weights behind the others."""
    file = place(paths, detector)
    if not file.is_file():
        raise DataError(f"missing {paths.relative(file)}; run `dvc repro`, or `{mend(detector)}`")
    about = origin.read(file.with_suffix(".json"), made_by(params, settings, detector), paths, mend(detector), file)
    origin.check_files(paths, file.parent, about, [file.name], mend(detector))
    absent = {str(fit): str(why) for fit, why in about.get("absent", {}).items()}
    for fit in sources_of_fits(params, settings):
        before = score_files.about(ScoreFile(paths, params, detector, fit))
        own = about.get("weights_sha256", {}).get(fit)
        if before.get("absent", "") != absent.get(fit, "") or (fit not in absent and [own] != before["weights_sha256"]):
            raise DataError(
                f"{paths.relative(file)} is of other weights of {detector}/{fit} than the scores of the clips before; "
                f"run `{mend(detector)}`"
            )
    table = read_csv(file, columns(params, settings))
    csv_checks.check_scores(file, list(sources_of_fits(params, settings)))
    return table, absent
