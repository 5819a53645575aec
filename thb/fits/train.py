"""train: one fit of one detector, chosen on validation clips, from its split file to its weights."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from thb import detectors
from thb.clips import clip_store
from thb.clips.clip_store import open_clips
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic, write_csv, write_json
from thb.fits import weights
from thb.fits.picture_measures import seen
from thb.splits.clips_of_fit import clips_of_fit, labels_drawn, soundless_marked, usable

LOG_COLUMNS = ["epoch", "loss", "val_auc", "val_loss", "lr", "seconds"]
START = "ffpp"  # the fit that others may start from
_VERSIONS = ("numpy", "pandas", "scikit-learn", "safetensors", "torch", "torchvision", "timm")


@dataclass(frozen=True)
class Job:
    """Everything that decides a fit's weights."""

    paths: Paths
    params: Params
    detector: str
    fit: str
    config: Any
    rows: pd.DataFrame  # clips of this fit's train and val sets, whatever their status
    draw: int = 0  # 0: labels as they are; else which drawing of labels that say nothing

    @property
    def name(self) -> str:
        return f"{self.detector}/{self.fit}" + (f" on drawn labels, {self.draw}" if self.draw else "")

    @property
    def folder(self) -> Path:
        if self.draw:
            return self.paths.run_on_drawn(self.detector, self.fit, self.draw)
        return self.paths.run(self.detector, self.fit)

    @property
    def partial(self) -> Path:
        return self.paths.partial(self.detector, self.fit, self.draw)

    @cached_property
    def start(self) -> Path | None:
        """The ffpp fit's weights, if this fit starts from them; that fit, and any on drawn labels, from scratch."""
        if self.fit == START or self.draw or getattr(self.config, "start_from", "scratch") == "scratch":
            return None
        main, file = Paths(self.paths.root), self.paths.pretrained(self.detector) / weights.FILE
        if not file.is_file():
            raise DataError(
                f"start_from is '{START}', but {self.detector}/{START} has no weights yet; "
                f"run `{weights.train_command(self.detector, START)}`, or set start_from: scratch"
            )
        weights.of_fit(main, self.params, self.detector, START)
        return file

    @cached_property
    def made_by(self) -> origin.Origin:
        return origin.of_fit(self.paths, self.params, self.detector)

    @cached_property
    def stores(self) -> dict[str, str]:
        """A digest of each clip store that the fit reads."""
        return {
            source: clip_store.digest(self.paths, self.params, source) for source in sorted(set(self.rows["source"]))
        }


@dataclass(frozen=True)
class Outcome:
    """What a fit leaves: a detector that can `save`, its scores of the validation clips, its log, what to say of it."""

    model: Any
    validation: dict[str, Any]
    log: list[dict[str, float]]
    chosen: dict[str, float]
    about: dict[str, Any]


def run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Train `detector` on `fit` and write its weights, run.json and log.csv; keep it if it is what would come out."""
    _run(_job(paths, params, detector, fit))


def run_on_drawn(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Train on labels that say nothing, as often as `label_checks` asks for, each time on another drawing of them."""
    for draw in range(1, params.label_check(detector) + 1):
        job = _job(paths, params, detector, fit)
        _run(replace(job, draw=draw, rows=labels_drawn(job.rows, params.active.seed, draw)))


def _job(paths: Paths, params: Params, detector: str, fit: str) -> Job:
    config = detectors.configure(detector, params.detector(detector))
    hears = detectors.load(detector).Detector.hears
    rows = soundless_marked(clips_of_fit(paths, params, fit, ("train", "val")), hears)
    return Job(paths, params, detector, fit, config, rows)


def _run(job: Job) -> None:
    module = detectors.load(job.detector)
    key = _key(job)
    if _is_done(job, key):
        return print(f"{job.name} is kept: nothing it rests on has changed")
    fitted = _fit_network if module.Detector.reads == "frames" else _fit_at_once
    begun = time.perf_counter()
    outcome = fitted(job, module, job.partial / f"{key}.pt")
    _write(job, outcome, key, time.perf_counter() - begun)
    shutil.rmtree(job.partial, ignore_errors=True)


def _is_done(job: Job, key: str) -> bool:
    """Whether the fit's folder is whole and of this very key; run.json is written last."""
    if not (job.folder / weights.RUN).is_file() or not (job.folder / weights.FILE).is_file():
        return False
    try:
        found = weights.vouched(job.paths, job.folder, job.detector, job.fit, job.draw)
    except DataError as fault:
        print(f"{job.name} is trained again: {fault}")
        return False
    return found.run.get("key") == key


def _fit_at_once(job: Job, module: ModuleType, state: Path) -> Outcome:
    """What is no network is fitted in one go; validation clips are scored for the log only."""
    from thb.core.metrics import auc

    begun = time.perf_counter()
    model = module.Detector(job.config)
    train, val = (seen(job.paths, job.params, usable(job.rows, use), model) for use in ("train", "val"))
    model.fit(train)
    scores, labels = model.score(val), val["label"].to_numpy()
    entry = dict.fromkeys(LOG_COLUMNS, float("nan")) | {
        "epoch": 1,
        "val_auc": auc(labels, scores),
        "seconds": time.perf_counter() - begun,
    }
    return Outcome(model, _validation(job, labels, scores), [entry], entry, {"hardware": _cpu()})


def _fit_network(job: Job, module: ModuleType, state: Path) -> Outcome:
    from thb.fits import loop
    from thb.fits.feed import Feed

    seed = job.params.active.seed
    device = loop.prepare_torch(seed)
    network = module.Detector(job.config)
    _start(network, job.start)
    train, val = usable(job.rows, "train"), usable(job.rows, "val")
    store = open_clips(job.paths, job.params, sorted({*train["source"], *val["source"]}))
    feeds = Feed(store, train, device, network), Feed(store, val, device, network)
    done = loop.train(network, feeds, seed, state, f"train {job.name}")
    network.load_state_dict(done.best)
    scores = _validation(job, val["label"].to_numpy(), done.validation.numpy())
    return Outcome(network, scores, done.log, done.chosen, {"hardware": _hardware(device), **_sizes(network)})


def _validation(job: Job, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    return weights.validation(job.made_by.corpus, labels, scores)


def _start(network: Any, file: Path | None) -> None:
    """From the ffpp fit, or from what the detector itself names."""
    if file is None:
        return network.warm_start()
    from safetensors.torch import load_file

    network.take_weights(load_file(file), file)


# ── What a fit hangs on ──────────────────────────────────────────────────────────────────────────


def _key(job: Job) -> str:
    """Names a fit: it is kept, or taken up where it stopped, only by the very same settings, clips, start and code."""
    parts = [
        repr(job.config),
        origin.digest(asdict(job.made_by)),
        *map(_version, _VERSIONS),
        job.rows.to_csv(index=False),
        origin.sha256(job.start) if job.start else "",
        origin.digest(job.stores),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


# ── What a run says about itself ─────────────────────────────────────────────────────────────────


def _write(job: Job, outcome: Outcome, key: str, seconds: float) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / weights.RUN).unlink(missing_ok=True)  # until all is written, nothing vouches for the rest
    about = detectors.describe(
        job.detector,
        job.config,
        fit=job.fit,
        draw=job.draw,
        made_by=asdict(job.made_by),
        reads=weights.reads(job.params.active),
        validation=outcome.validation,
    )
    write_atomic(job.folder / weights.FILE, lambda part: outcome.model.save(part, about))
    write_csv(pd.DataFrame(outcome.log), job.folder / "log.csv", LOG_COLUMNS)
    said = {
        **_said(job),
        **outcome.about,
        "key": key,
        "seconds": round(seconds, 1),
        "best_epoch": int(outcome.chosen["epoch"]),
        "val_auc": outcome.chosen["val_auc"],
    }
    write_json(origin.record(job.made_by, job.folder, [weights.FILE], **said), job.folder / weights.RUN)


def _said(job: Job) -> dict[str, Any]:
    ok = job.rows["status"] == "ok"
    return {
        "detector": job.detector,
        "fit": job.fit,
        "draw": job.draw,
        "profile": job.params.profile,
        "seed": job.params.active.seed,
        "settings": asdict(job.config),
        "split_sha256": origin.sha256(job.paths.split(job.fit)),
        "stores": job.stores,
        "start_sha256": origin.sha256(job.start) if job.start else None,
        "clips": {use: int((ok & (job.rows["use"] == use)).sum()) for use in ("train", "val")},
        "clips_unusable": int((~ok).sum()),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _VERSIONS}},
    }


def _version(package: str) -> str:
    return importlib.metadata.version(package)


def _cpu() -> str:
    return f"{platform.machine()} CPU, 1 thread"


def _hardware(device: Any) -> str:
    if device.type == "cpu":
        return _cpu()
    import torch

    return torch.cuda.get_device_name(device)


def _sizes(network: Any) -> dict[str, int]:
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return {"parameters": sum(n for n, _ in sizes), "trainable": sum(n for n, trained in sizes if trained)}
