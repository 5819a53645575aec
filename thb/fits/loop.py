"""The train loop of every network: seeded, resumable, the same on a CPU and a GPU.

The checkpoint kept is the epoch with the highest validation AUC; of equal ones, the one with the lower
validation loss; of equal ones again, the earlier. All randomness of an epoch comes from (seed, epoch) alone,
so an interrupted fit that resumes after its last whole epoch ends in the same weights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
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


@dataclass
class Fit:
    """One fit as it stands after its last whole epoch."""

    network: Network
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # keeps small gradients of `precision: float16` from becoming zero
    log: list[dict[str, float]]  # one entry an epoch: epoch, loss, val_auc, val_loss, lr, seconds
    best: dict[str, Tensor]  # the chosen epoch's weights, on the CPU
    validation: Tensor  # float64 [validation clips]: its scores

    @property
    def chosen(self) -> dict[str, float]:
        """The log entry of the epoch whose weights are kept."""
        return max(self.log, key=lambda entry: (entry["val_auc"], -entry["val_loss"], -entry["epoch"]))


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
    network.to(feeds[0].device)
    fit = _resumed(Fit(network, network.optimiser(), scaler(network, feeds[0].device), [], {}, torch.empty(0)), state)
    epochs = network.config.epochs
    steps = _steps(feeds[0], network)
    with tqdm(total=epochs * steps, initial=len(fit.log) * steps, desc=title, unit="step") as bar:
        for epoch in range(len(fit.log), epochs):
            entry, scores = _run_epoch(fit, feeds, seed, epoch, bar)
            bar.set_postfix(val_auc=f"{entry['val_auc']:.3f}", loss=f"{entry['loss']:.3f}")
            _keep(fit, entry, scores)
            _write_state(fit, state)
    return fit


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
        "lr": fit.optimiser.param_groups[0]["lr"],
        "seconds": time.perf_counter() - begun,
    }, scores


def _train_epoch(fit: Fit, feed: Feed, epoch: int, rng: Generator, bar: tqdm) -> float:
    """The mean training loss of one pass; raises DataError if it is NaN or infinite."""
    fit.network.train()
    losses = []
    steps = _steps(feed, fit.network)
    for step, index in enumerate(_batches(feed, fit.network, rng)):
        _set_rate(fit, epoch + step / steps)
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
    with precision(network, feed.device):
        loss = network.loss(feed.take(index, starts, network.length), rng)
    fit.optimiser.zero_grad(set_to_none=True)
    fit.scaler.scale(loss).backward()
    if limit := network.config.clip_grad:
        fit.scaler.unscale_(fit.optimiser)
        torch.nn.utils.clip_grad_value_(network.parameters(), limit)
    fit.scaler.step(fit.optimiser)
    fit.scaler.update()
    return loss.detach()


def precision(network: Network, device: torch.device) -> torch.autocast:
    """Products in the network's own precision; weights, losses and all scoring stay float32."""
    asked = getattr(torch, network.config.precision)
    return torch.autocast(device.type, asked, enabled=asked != torch.float32)


def scaler(network: Network, device: torch.device) -> torch.amp.GradScaler:
    """Scales a float16 fit's loss; a step whose gradients overflow is left out, and the scale halved."""
    return torch.amp.GradScaler(device.type, enabled=network.config.precision == "float16")


def _set_rate(fit: Fit, epoch: float) -> None:
    for group in fit.optimiser.param_groups:
        group["lr"] = fit.network.rate(epoch)


def _steps(feed: Feed, network: Network) -> int:
    return -(-len(feed) * network.config.repeats // network.config.batch)


def _batches(feed: Feed, network: Network, rng: Generator) -> Iterator[Tensor]:
    """Every clip `repeats` times in random order; the last batch may be small."""
    order = [torch.randperm(len(feed), generator=rng) for _ in range(network.config.repeats)]
    return iter(torch.cat(order).split(network.config.batch))


def score(network: Network, feed: Feed, title: str | None = None) -> Tensor:
    """float64 [clips] in [0, 1]: clip by clip in full precision, so no score depends on its neighbours."""
    network.to(feed.device).eval()
    starts = spans(1, feed.windows, feed.run, network.length, network.config.test_units, None, feed.tested)
    scores = []
    with torch.inference_mode():
        for index in tqdm(torch.arange(len(feed)).split(1), desc=title, unit="clip", disable=title is None):
            scores.append(network.score(feed.take(index, starts, network.length)))
    return torch.cat(scores).cpu()


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
    fit.log, fit.best, fit.validation = state["log"], state["best"], state["validation"]
    return fit
