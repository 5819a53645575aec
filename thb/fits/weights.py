"""Trained weights: read only if they are, byte for byte, those that were written for this fit and are up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thb import detectors
from thb.clips import clip_store
from thb.core import code, metrics, origin
from thb.core.errors import DataError
from thb.core.params import Params, Profile
from thb.core.paths import Paths, variant_option
from thb.core.tables import SPLIT_COLUMNS, read_csv, read_json, write_atomic, write_json
from thb.splits import assignment
from thb.splits.clips_of_fit import seen_digest

FILE, RUN = "weights.safetensors", "run.json"
TOOK = "took.json"  # beside them: on what, and for how long; never the same twice, so .dvcignore names it
START = "ffpp"  # the fit that others may start from


@dataclass(frozen=True)
class Trained:
    """A detector with its weights, and what its two files say of it."""

    model: detectors.Detector
    about: dict[str, Any]  # travels in the weights file: fit, made_by, reads, validation
    run: dict[str, Any]  # run.json: how it was trained, on what, and a hash of the weights file


def write(
    folder: Path,
    model: detectors.Detector,
    made_by: origin.Origin,
    profile: Profile,
    detector: str,
    fit: str,
    draw: int,
    validation: Mapping[str, Any] | None,
    said: Mapping[str, Any],
) -> None:
    """FILE, and RUN with what is `said` of the fit; until both are written, nothing vouches for either."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN).unlink(missing_ok=True)
    facts = {"fit": fit, "draw": draw, "made_by": asdict(made_by), "reads": reads(profile), "validation": validation}
    about = detectors.describe(detector, model.config, **facts)
    write_atomic(folder / FILE, lambda part: model.save(part, about))
    write_json(origin.record(made_by, folder, [FILE], detector=detector, fit=fit, **said), folder / RUN)


def vouched(paths: Paths, folder: Path, detector: str, fit: str, draw: int = 0) -> Trained:
    """The weights in a folder, wherever they were made; raises DataError if its run.json does not vouch for them."""
    file, mend = folder / FILE, train_command(detector, fit, paths.variant, draw)
    if not file.is_file():
        raise DataError(f"missing {paths.relative(file)}; run `{mend}`")
    run = read_json(folder / RUN)
    if not isinstance(run, Mapping):
        raise DataError(f"{paths.relative(folder / RUN)} is no record of a fit; run `{mend}`")
    origin.check_files(paths, folder, run, [FILE], mend)
    about = detectors.about(file)
    of = f"{about.get('detector')}/{about.get('fit')}" + _on(about.get("draw", 0))
    if of != (wanted := f"{detector}/{fit}" + _on(draw)):
        raise DataError(f"{paths.relative(file)} holds weights of {of}, not of {wanted}; run `{mend}`")
    stage, again = (
        ("import_weights", f"thb import-weights {detector} FILE --fit {fit}") if is_imported(run) else ("train", mend)
    )
    origin.check_code(about.get("made_by"), paths.relative(file), again, code.DOORS[stage], f"detectors.{detector}")
    return Trained(detectors.restore(file, detector), about, dict(run))


def _on(draw: object) -> str:
    return f" on shuffled labels, {draw}" if draw else ""


def of_fit(paths: Paths, params: Params, detector: str, fit: str, draw: int = 0) -> Trained:
    """A fit's weights as the active profile would train them now, on the clips and the split that are there.

    Imported ones, which stand in for a fit that cannot be made, are held against nothing but their hash.
    """
    folder = paths.run_on_shuffled_labels(detector, fit, draw) if draw else paths.run(detector, fit)
    found = vouched(paths, folder, detector, fit, draw)
    if not is_imported(found.run):
        mend = train_command(detector, fit, paths.variant, draw)
        _check_made(paths, params, found, paths.relative(folder / FILE), detector, fit, mend)
    return found


def _check_made(paths: Paths, params: Params, found: Trained, what: str, detector: str, fit: str, mend: str) -> None:
    origin.check(found.about.get("made_by"), origin.of_fit(paths, params, detector), what, mend)
    split = read_csv(paths.split(fit), SPLIT_COLUMNS)
    if found.run.get("seen") != seen_digest(split):
        raise DataError(f"{what} was trained on another split than {paths.relative(paths.split(fit))}; run `{mend}`")
    if found.model.config != detectors.configure(detector, params.detector(detector)):
        raise DataError(f"{what} says that it was trained with other settings than its record; run `{mend}`")
    stores = origin.part(found.run, "stores", what, mend)
    if odd := sorted(set(stores) ^ set(split["source"][split["use"].isin(assignment.SEEN)])):
        raise DataError(f"the record of {what} names other sources than its split, {odd[0]!r} for one; run `{mend}`")
    for source, digest in stores.items():
        if digest != clip_store.digest(paths, params, source):
            raise DataError(f"{what} was trained on other clips of {source!r} than are prepared; run `{mend}`")


def write_start(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Say what other fits of the detector start from, if this is START: a hash of its weights, or nothing of it."""
    if fit != START or paths.variant:
        return
    file = paths.pretrained(detector) / FILE
    starts = params.detector(detector).get("start_from") == START and file.is_file()
    write_json({"start_from": origin.sha256(file) if starts else None}, paths.start(detector))


def is_imported(run: Mapping[str, Any]) -> bool:
    """Whether somebody else trained the weights."""
    return "imported_from" in run


def train_command(detector: str, fit: str, variant: str = "", draw: int = 0) -> str:
    """The command that makes a fit's weights anew."""
    return f"thb train {detector} {fit}{variant_option(variant)}{' --shuffle-labels' if draw else ''}"


def reads(profile: Profile) -> dict[str, Any]:
    """How clips are to be read for weights of a profile; it travels with them."""
    return {"store": profile.store.model_dump(), "finder": profile.finder}


def validation(corpus: str, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """The scores of validation clips, from which a threshold can be set at any rate; they travel with the weights."""
    return {
        "corpus": corpus,
        **{name: sorted(map(float, scores[labels == label])) for label, name in enumerate(("real", "fake"))},
    }


def operating_point(about: Mapping[str, Any], alpha: float) -> metrics.Operating | None:
    """The point at a false-positive rate on the validation reals; None where the weights bring no such scores."""
    known = about.get("validation")
    if not known:
        return None
    labels = np.repeat([0, 1], [len(known["real"]), len(known["fake"])])
    return metrics.tpr_at_fpr(labels, np.array([*known["real"], *known["fake"]], float), alpha)
