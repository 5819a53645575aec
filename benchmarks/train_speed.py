"""How fast each detector trains at the published size, beside what the device's matrix products can do.

    python benchmarks/train_speed.py                                  # every network, on the GPU if there is one
    python benchmarks/train_speed.py tall --steps 200 --set batch=8   # one, for longer
    python benchmarks/train_speed.py --steps 3 --set batch=2          # a few steps on a CPU: does it run at all

Clips are the embedded corpus's (`thb fetch`, `thb prepare`, `thb split` first), weights start at random, and the
loop's own step is timed, so precision, augmentation and data path are those of `thb train`. Printed as one table.
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import dataclass, replace

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.detectors.base import Network, spans
from thb.fits import loop
from thb.fits.feed import Feed
from thb.splits.clips_of_fit import clips_of_fit, soundless_marked, usable

WARM = 2  # steps that are not timed: memory is found, kernels are chosen


@dataclass(frozen=True)
class Speed:
    """What one detector did."""

    detector: str
    parameters: int
    units: int  # images or windows a step
    seconds: float  # a step
    first: float  # mean loss over the first tenth of the steps
    last: float  # and over the last
    memory: float  # GiB at the peak; nan on a CPU
    flops: float  # of one step's matrix products and convolutions, forward and backward

    def row(self, rate: float) -> str:
        return (
            f"| {self.detector} | {self.parameters / 1e6:.2f} M | {self.units / self.seconds:.1f} | "
            f"{self.memory:.1f} | {self.first:.3f} → {self.last:.3f} | {self.flops / self.seconds / rate:.0%} |"
        )


def main() -> None:
    wanted = _arguments()
    paths = Paths(find_root())
    params = load(paths.params)
    device = loop.prepare_torch(params.active.seed)
    torch.set_num_threads(wanted.threads)
    rate = matmul_rate(device)
    print(
        f"{_name(device)}, torch {torch.__version__}, {wanted.steps} steps, fit `all` of profile {params.profile}; "
        f"matrix products {rate / 1e12:.2f} TFLOP/s"
    )
    print("| detector | parameters | units a second | GiB | loss | share of matrix rate |\n|---|---|---|---|---|---|")
    for name in wanted.detectors or _networks():
        print(measure(paths, params, name, wanted.steps, wanted.changes, device).row(rate), flush=True)


def _networks() -> list[str]:
    return [name for name in detectors.names() if detectors.load(name).Detector.reads == "frames"]


def measure(paths: Paths, params: Params, name: str, steps: int, changes: dict, device: torch.device) -> Speed:
    """Train `steps` steps of one detector at its published size."""
    store = open_clips(paths, params, list(params.sources))
    fitting = {"test_units": 1, "train_units": min(store.windows, params.detectors[name].defaults["train_units"])}
    alone = {"start_from": "scratch", "init_weights": "none"}
    settings = {**params.detectors[name].defaults, **alone, **fitting, **changes}
    network = detectors.load(name).Detector(detectors.configure(name, settings)).to(device).train()
    network.config = replace(network.config, lr_every="batch")
    rows = usable(soundless_marked(clips_of_fit(paths, params, "all", ("train",)), network.hears), "train")
    feed = Feed(store, rows, device, network)
    fit = loop.Fit(network, network.optimiser(), loop.scaler(network, device), [], {}, torch.empty(0))
    for group in fit.optimiser.param_groups:
        group["lr"] = network.config.lr
    rng = torch.Generator().manual_seed(params.active.seed)
    losses, begun = [], 0.0
    flops = _flops(network, feed, rng)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for step in range(WARM + steps):
        if step == WARM:
            begun = _now(device)
        losses.append(loop.train_step(fit, feed, _drawn(feed, network, rng), rng))
    seconds = (_now(device) - begun) / steps
    tenth = max(1, len(losses) // 10)
    means = [float(torch.stack(part).mean()) for part in (losses[:tenth], losses[-tenth:])]
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")
    units = network.config.batch * network.config.train_units
    return Speed(name, sum(p.numel() for p in network.parameters()), units, seconds, *means, memory, flops)


def _drawn(feed: Feed, network: Network, rng: torch.Generator) -> torch.Tensor:
    return torch.randint(len(feed), (network.config.batch,), generator=rng)


def _flops(network: Network, feed: Feed, rng: torch.Generator) -> float:
    index = _drawn(feed, network, rng)
    starts = spans(len(index), feed.windows, feed.run, network.length, network.config.train_units, rng)
    with FlopCounterMode(display=False) as counter:
        network.loss(feed.take(index, starts, network.length), rng).backward()
    network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops())


def matmul_rate(device: torch.device) -> float:
    """FLOP/s of large square matrix products in the precision that training uses."""
    side, kind = (8192, torch.bfloat16) if device.type == "cuda" else (2048, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    for _ in range(WARM):
        a @ b
    begun, rounds = _now(device), 30 if device.type == "cuda" else 5
    for _ in range(rounds):
        a @ b
    return 2 * side**3 * rounds / (_now(device) - begun)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="\n".join(__doc__.splitlines()[2:5]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detectors", nargs="*", choices=[*_networks(), []], help="default: all networks")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    wanted = parser.parse_args()
    wanted.changes = {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in wanted.changes)}
    return wanted


if __name__ == "__main__":
    main()
