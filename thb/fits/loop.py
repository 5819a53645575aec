"""The train loop of every network: seeded, resumable, the same on a CPU and a GPU.

The checkpoint kept is the epoch with the highest validation AUC; of equal ones, the one with the lower
validation loss; of equal ones again, the earlier. All randomness of an epoch comes from (seed, epoch) alone,
so an interrupted fit that resumes after its last whole epoch ends in the same weights. Only `max_hours` hangs on the
clock: a fit that it stopped may stop elsewhere when it is made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor
from tqdm import tqdm

from thb.core.errors import DataError
from thb.core.metrics import auc
from thb.core.tables import write_atomic
from thb.detectors.base import Network, spans
from thb.fits.feed import Feed
from thb.fits.step import Step, scaler


@dataclass
class Fit:
    """One fit as it stands after its last whole epoch."""

    network: Network
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # keeps small gradients of `precision: float16` from becoming zero
    step: Step
    log: list[dict[str, float]]  # one entry an epoch: epoch, loss, val_auc, val_loss, lr, seconds
    best: dict[str, Tensor]  # the chosen epoch's weights, on the CPU
    validation: Tensor  # float64 [validation clips]: its scores

    @property
    def chosen(self) -> dict[str, float]:
        """The log entry of the epoch whose weights are kept."""
        return max(self.log, key=lambda entry: (entry["val_auc"], -entry["val_loss"], -entry["epoch"]))

    @property
    def stopped_by(self) -> str:
        """The setting by which it goes no further: epochs, patience or max_hours; '' while it may."""
        c, done = self.network.config, len(self.log)
        if done >= c.epochs:
            return "epochs"
        if c.patience and done and done - _first_best(self.log) >= c.patience:
            return "patience"
        if c.max_hours and sum(entry["seconds"] for entry in self.log) >= 3600 * c.max_hours:
            return "max_hours"
        return ""


def _first_best(log: list[dict[str, float]]) -> float:
    """The first epoch with the highest validation AUC."""
    return max(log, key=lambda entry: (entry["val_auc"], -entry["epoch"]))["epoch"]


def prepare_torch(seed: int) -> torch.device:
    """The device: a GPU if there is one. One thread a process (stages run side by side), deterministic algorithms."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA reads it when it starts
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Nothing reads memory that it has not written. (torch makes the attribute when it is imported.)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.manual_seed(seed)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(network: Network, feeds: tuple[Feed, Feed], seed: int, state: Path, title: str) -> Fit:
    """Train on the first feed, choose the epoch on the second; `state` is read first and written after each epoch."""
    fit = _resumed(begun(network, feeds[0].device), state)
    epochs = network.config.epochs
    steps = _steps(feeds[0], network)
    with tqdm(total=epochs * steps, initial=len(fit.log) * steps, desc=title, unit="step") as bar:
        while not fit.stopped_by:
            entry, scores = _run_epoch(fit, feeds, seed, len(fit.log), bar)
            bar.set_postfix(val_auc=f"{entry['val_auc']:.3f}", loss=f"{entry['loss']:.3f}")
            _keep(fit, entry, scores)
            _write_state(fit, state)
    return fit


def begun(network: Network, device: torch.device) -> Fit:
    """The fit before its first epoch, its network on the device."""
    network.to(device)
    if network.convolves and device.type == "cuda":
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser, scale = network.optimiser(), scaler(network, device)
    return Fit(network, optimiser, scale, Step(network, optimiser, scale, device), [], {}, torch.empty(0))


def _run_epoch(fit: Fit, feeds: tuple[Feed, Feed], seed: int, epoch: int, bar: tqdm) -> tuple[dict[str, float], Tensor]:
    """The epoch's line of the log, and the scores of the validation clips after it."""
    begun = time.perf_counter()
    draw = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    torch.manual_seed(draw)  # drop-path and dropout
    rng = Generator().manual_seed(draw)  # order, frames, augmentation: on the CPU, whatever the device
    loss = _train_epoch(fit, feeds[0], epoch, rng, bar)
    scores = score(fit.network, feeds[1])
    val_auc, val_loss = validate(scores, feeds[1])
    return {
        "epoch": epoch + 1,
        "loss": loss,
        "val_auc": val_auc,
        "val_loss": val_loss,
        "lr": float(fit.optimiser.param_groups[0]["lr"]),
        "seconds": time.perf_counter() - begun,
    }, scores


def _train_epoch(fit: Fit, feed: Feed, epoch: int, rng: Generator, bar: tqdm) -> float:
    """The mean training loss of one pass; raises DataError if it is NaN or infinite."""
    fit.network.train()
    losses = []
    steps = _steps(feed, fit.network)
    for step, index in enumerate(_batches(feed, fit.network, rng)):
        fit.step.set_rate(fit.network.rate(epoch + step / steps))
        losses.append(train_step(fit, feed, index, rng))
        bar.update()
    mean = float(torch.stack(losses).mean())
    if not np.isfinite(mean):
        raise DataError(f"the training loss became {mean} in epoch {epoch + 1}; lower lr ({fit.network.config.lr})")
    return mean


def train_step(fit: Fit, feed: Feed, index: Tensor, rng: Generator) -> Tensor:
    """One step on the clips `index`; its loss, still on the device."""
    network = fit.network
    starts = spans(len(index), feed.windows, feed.run, network.length, network.config.train_units, rng)
    return fit.step(network.training_batch(feed.take(index, starts, network.length), rng))


def _steps(feed: Feed, network: Network) -> int:
    c = network.config
    whole, rest = divmod(len(feed) * c.repeats, c.batch)
    return whole if rest == 0 or (c.last_batch == "drop" and whole) else whole + 1


def _batches(feed: Feed, network: Network, rng: Generator) -> list[Tensor]:
    """Every clip `repeats` times in random order; a small last batch as `last_batch` says, but never no batch."""
    c = network.config
    order = torch.cat([torch.randperm(len(feed), generator=rng) for _ in range(c.repeats)])
    if c.last_batch == "fill":
        order = order[torch.arange(_steps(feed, network) * c.batch) % len(order)]
    return list(order.split(c.batch)[: _steps(feed, network)])


def score(network: Network, feed: Feed, title: str | None = None) -> Tensor:
    """float64 [clips] in [0, 1]: in full precision and in batches of one size, so that no score hangs on another's."""
    network.to(feed.device).eval()
    starts = spans(1, feed.windows, feed.run, network.length, network.config.test_units, None)
    scores = []
    with (
        full_precision(),
        torch.inference_mode(),
        tqdm(total=len(feed), desc=title, unit="clip", disable=title is None) as bar,
    ):
        for index, meant in in_batches(torch.arange(len(feed)), network.config.score_batch):
            clips = feed.take(index, starts.expand(len(index), -1), network.length)
            scores.append(network.score(clips)[:meant])
            bar.update(meant)
    return torch.cat(scores).cpu()


def in_batches(places: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Places [n], `size` at a time, the last batch filled up with its last place; and how many of each are meant.

    Fewer places than `size` are one batch of their own.
    """
    for index in places.split(min(size, len(places)) or 1):
        yield torch.cat([index, index[-1:].expand(min(size, len(places)) - len(index))]), len(index)


def full_precision() -> AbstractContextManager[None]:
    """Convolutions of a GPU in float32 and not in its rounder TF32; matrix products are in float32 anyway."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def validate(scores: Tensor, feed: Feed) -> tuple[float, float]:
    """AUC and cross-entropy of the validation clips, by their scores."""
    labels = feed.labels.cpu()
    loss = torch.nn.functional.binary_cross_entropy(scores.clamp(1e-12, 1 - 1e-12), labels.double())
    return auc(labels.numpy(), scores.numpy()), float(loss)


# ── What a killed fit resumes from ───────────────────────────────────────────────────────────────


def _keep(fit: Fit, entry: dict[str, float], scores: Tensor) -> None:
    fit.log.append(entry)
    if fit.chosen is entry:
        fit.validation = scores
        fit.best = {k: v.detach().cpu().clone() for k, v in fit.network.state_dict().items()}


def _write_state(fit: Fit, path: Path) -> None:
    content = {
        "network": fit.network.state_dict(),
        "optimiser": fit.optimiser.state_dict(),
        "scaler": fit.scaler.state_dict(),
        "log": fit.log,
        "best": fit.best,
        "validation": fit.validation,
    }
    write_atomic(path, lambda part: torch.save(content, part))


def _resumed(fit: Fit, path: Path) -> Fit:
    """The fit after its last whole epoch, if one was written."""
    if not path.is_file():
        return fit
    state = torch.load(path, map_location="cpu", weights_only=True)
    fit.network.load_state_dict(state["network"])
    fit.optimiser.load_state_dict(state["optimiser"])
    fit.scaler.load_state_dict(state["scaler"])
    fit.step = Step(fit.network, fit.optimiser, fit.scaler, fit.step.device)
    fit.log, fit.best, fit.validation = state["log"], state["best"], state["validation"]
    return fit
