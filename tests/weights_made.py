"""Weights that say how they read a clip and how validation clips scored, without a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from thb import detectors
from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_json
from thb.fits import weights

# Fifty reals up to .4, ten fakes from .5 on: at a rate of 1 % no real may be called fake, and the threshold is .5.
VALIDATION = {"corpus": "mini", "real": [i / 125 for i in range(50)], "fake": [0.5] * 10}
IMPORTED = {"imported_from": "b3.pkl"}


def write_weights(
    paths: Paths,
    params: Params,
    name: str,
    model: Any,
    fit: str = "all",
    *,
    profile: str = "smoke",
    finder: str = "truth",
    validation: Mapping[str, Any] | None = None,
    corpus: str = "mini",
    run: Mapping[str, Any] | None = None,
    **changed: Any,
) -> None:
    """A model's weights as train leaves them, of a profile's store; `changed` stands in their own words as it is."""
    folder, config = paths.run(name, fit), detectors.configure(name, params.detector(name))
    active = params.model_copy(update={"profile": profile})
    made = origin.of_import(active, name, asdict(config)) if run else origin.of_fit(paths, active, name)
    made_by = {**asdict(made), "corpus": corpus}
    about = {
        "fit": fit,
        "made_by": made_by,
        "validation": validation,
        "reads": {"store": params.profiles[profile].store.model_dump(), "finder": finder},
    }
    folder.mkdir(parents=True)
    model.save(folder / weights.FILE, detectors.describe(name, config, **{**about, **changed}))
    record = {"made_by": made_by, "files": {weights.FILE: origin.sha256(folder / weights.FILE)}}
    write_json({**record, **(run or {})}, folder / weights.RUN)


def untrained(params: Params, name: str) -> Any:
    """A network with random weights, always the same."""
    torch.manual_seed(0)
    return detectors.load(name).Detector(detectors.configure(name, params.detector(name))).eval()


def build(paths: Paths, params: Params, name: str, fit: str = "all", **about: Any) -> Any:
    """An untrained network's weights; `about`: as of write_weights."""
    network = untrained(params, name)
    write_weights(paths, params, name, network, fit, **about)
    return network
