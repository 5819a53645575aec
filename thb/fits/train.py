"""train: one fit of one detector, chosen on validation clips, from its split file to its weights."""

from __future__ import annotations

import hashlib
import platform
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from thb import detectors
from thb.clips import clip_store
from thb.clips.clip_store import open_clips
from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, write_csv, write_json
from thb.fits import weights
from thb.fits.picture_measures import seen
from thb.splits.clips_of_fit import clips_of_fit, seen_digest, soundless_marked, usable, with_shuffled_labels

LOG_COLUMNS = ["epoch", "loss", "val_auc", "val_loss", "lr"]
_CPU = f"{platform.machine()} CPU, 1 thread"
_VERSIONS = ("numpy", "pandas", "scikit-learn", "safetensors", "torch", "torchvision", "timm")


@dataclass(frozen=True)
class Job:
    """Everything that decides a fit's weights."""

    paths: Paths
    params: Params
    detector: str
    fit: str
    config: detectors.Config
    rows: pd.DataFrame  # clips of this fit's train and val sets, whatever their status
    draw: int = 0  # 0: true labels; else which shuffling of them

    @property
    def name(self) -> str:
        return f"{self.detector}/{self.fit}" + (f" on shuffled labels, {self.draw}" if self.draw else "")

    @property
    def folder(self) -> Path:
        if self.draw:
            return self.paths.run_on_shuffled_labels(self.detector, self.fit, self.draw)
        return self.paths.run(self.detector, self.fit)

    @property
    def partial(self) -> Path:
        return self.paths.partial(self.detector, self.fit, self.draw)

    @cached_property
    def start(self) -> Path | None:
        """The ffpp fit's weights, if this fit starts from them; that fit, and any on shuffled labels, from scratch."""
        if self.fit == weights.START or self.draw or getattr(self.config, "start_from", "scratch") == "scratch":
            return None
        main, file = Paths(self.paths.root), self.paths.pretrained(self.detector) / weights.FILE
        if not file.is_file():
            raise DataError(
                f"start_from is '{weights.START}', but {self.detector}/{weights.START} has no weights yet; "
                f"run `{weights.train_command(self.detector, weights.START)}`, or set start_from: scratch"
            )
        weights.of_fit(main, self.params, self.detector, weights.START)
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
    """What a fit gives: the detector, its scores of the validation clips, its log, the chosen epoch, what to record."""

    model: detectors.Detector
    validation: dict[str, Any]
    log: list[dict[str, float]]
    chosen: dict[str, float]
    about: dict[str, Any]
    hardware: str


def run(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Train `detector` on `fit` and write its weights, run.json and log.csv."""
    job = _job(paths, params, detector, fit)
    _run(job)
    weights.write_start(paths, params, detector, fit)
    _forget([job])


def run_shuffled_labels(paths: Paths, params: Params, detector: str, fit: str) -> None:
    """Train on shuffled labels, as often as `label_checks` asks for, each time on another shuffling.

    A run that was broken off goes on in the fit where it stopped: what those before it left is there until all end.
    """
    draws = range(1, params.label_check(detector) + 1)
    job, seed = _job(paths, params, detector, fit), params.active.seed
    jobs = [replace(job, draw=draw, rows=with_shuffled_labels(job.rows, seed, draw)) for draw in draws]
    for each in jobs:
        _run(each)
    _forget(jobs)


def _job(paths: Paths, params: Params, detector: str, fit: str) -> Job:
    config = detectors.configure(detector, params.detector(detector))
    rows = soundless_marked(clips_of_fit(paths, params, fit, ("train", "val")), detectors.kind(detector).hears)
    return Job(paths, params, detector, fit, config, rows)


def _run(job: Job) -> None:
    begun = time.perf_counter()
    if detectors.kind(job.detector).reads == "frames":
        outcome = _fit_network(job, job.partial / f"{_key(job)}.pt")
    else:
        outcome = _fit_control(job)
    _write(job, outcome, time.perf_counter() - begun)


def _forget(jobs: Iterable[Job]) -> None:
    for job in jobs:
        shutil.rmtree(job.partial, ignore_errors=True)


def _fit_control(job: Job) -> Outcome:
    """A control is fitted in one go; validation clips are scored for the log only."""
    from thb.core.metrics import auc

    begun = time.perf_counter()
    model = detectors.build(job.detector, job.config)
    assert model.reads != "frames"
    train, val = (seen(job.paths, job.params, usable(job.rows, use), model) for use in ("train", "val"))
    model.fit(train)
    scores, labels = model.score(val), val["label"].to_numpy()
    entry = {**dict.fromkeys(LOG_COLUMNS, float("nan")), "epoch": 1, "val_auc": auc(labels, scores)}
    entry["seconds"] = time.perf_counter() - begun
    return Outcome(model, weights.validation(job.made_by.corpus, labels, scores), [entry], entry, {}, _CPU)


def _fit_network(job: Job, state: Path) -> Outcome:
    """A network starts from the ffpp fit, or from what it names itself, and is trained by the loop."""
    import torch
    from safetensors.torch import load_file

    from thb.fits import loop
    from thb.fits.feed import Feed

    seed = job.params.active.training_seed
    device = loop.prepare_torch(seed)
    network = detectors.build(job.detector, job.config)
    assert network.reads == "frames"
    if job.start:
        network.take_weights(load_file(job.start), job.start)
    else:
        network.warm_start()
    train, val = usable(job.rows, "train"), usable(job.rows, "val")
    store = open_clips(job.paths, job.params, sorted({*train["source"], *val["source"]}))
    feeds = Feed(store, train, device, network), Feed(store, val, device, network)
    done = loop.train(network, feeds, seed, state, f"train {job.name}")
    network.load_state_dict(done.best)
    scores = weights.validation(job.made_by.corpus, val["label"].to_numpy(), done.validation.numpy())
    about = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "stopped_by": done.stopped_by,
    }
    hardware = _CPU if device.type == "cpu" else torch.cuda.get_device_name(device)
    return Outcome(network, scores, done.log, done.chosen, about, hardware)


# ── What a fit depends on ──────────────────────────────────────────────────────────────────────────


def _key(job: Job) -> str:
    """Identifies a fit: it is resumed only under the very same settings, clips, start and code."""
    parts = [
        repr(job.config),
        origin.digest(asdict(job.made_by)),
        *map(version, _VERSIONS),
        job.rows.to_csv(index=False),
        origin.sha256(job.start) if job.start else "",
        origin.digest(job.stores),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


# ── What is written of a fit ─────────────────────────────────────────────────────────────────


def _write(job: Job, outcome: Outcome, seconds: float) -> None:
    ok, use = job.rows["status"].to_numpy() == OK, job.rows["use"].to_numpy()
    said = {
        **outcome.about,
        "best_epoch": int(outcome.chosen["epoch"]),
        "epochs": len(outcome.log),
        "val_auc": outcome.chosen["val_auc"],
        "draw": job.draw,
        "profile": job.params.profile,
        "training_seed": job.params.active.training_seed,
        "settings": asdict(job.config),
        "seen": seen_digest(job.rows),
        "stores": job.stores,
        "start_sha256": origin.sha256(job.start) if job.start else None,
        "clips": {name: int((ok & (use == name)).sum()) for name in ("train", "val")},
        "clips_unusable": int((~ok).sum()),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}},
    }
    (job.folder / weights.RUN).unlink(missing_ok=True)
    log = pd.DataFrame(outcome.log)
    write_csv(log, job.folder / "log.csv", LOG_COLUMNS)
    took = {"hardware": outcome.hardware, "seconds": round(seconds, 1), "epochs": log["seconds"].round(1).tolist()}
    write_json(took, job.folder / weights.TOOK)
    weights.write(
        job.folder,
        outcome.model,
        job.made_by,
        job.params.active,
        job.detector,
        job.fit,
        job.draw,
        outcome.validation,
        said,
    )
