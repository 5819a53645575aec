"""Weights that say how they read a clip and what their scores are held against, without a training run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch

from thb import detectors
from thb.params import Params
from thb.paths import Paths
from thb.records import write_json

THRESHOLD = {"value": 0.5, "fpr": 0.01, "n_real": 50, "allowed": 0, "corpus": "mini"}


def write_weights(paths: Paths, params: Params, name: str, model: Any, fit: str = "all", *, profile: str = "smoke",
                  finder: str = "truth", threshold: dict[str, Any] | None = None, corpus: str = "mini") -> None:
    """A model's weights as train leaves them, with run.json, of a profile's store."""
    about = {"detector": name, "settings": detectors.configure(name, params.detector(name)).__dict__, "fit": fit,
             "corpus": corpus, "profile": profile, "seed": 1, "threshold": threshold,
             "reads": {"store": params.profiles[profile].store.model_dump(), "finder": finder}}
    folder = paths.run(name, fit)
    folder.mkdir(parents=True)
    model.save(folder / "weights.safetensors", {"thb": json.dumps(about)})
    sha256 = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    write_json({"weights_sha256": sha256}, folder / "run.json")


def untrained(params: Params, name: str) -> Any:
    """A network with random weights, always the same."""
    torch.manual_seed(0)
    return detectors.load(name).Detector(detectors.configure(name, params.detector(name))).eval()


def build(paths: Paths, params: Params, name: str, fit: str = "all", **about: Any) -> Any:
    """An untrained network's weights; `about`: as of write_weights."""
    network = untrained(params, name)
    write_weights(paths, params, name, network, fit, **about)
    return network
