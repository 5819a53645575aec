"""What each network needs at the published size on this machine's GPU, and whether everything works there.

    python benchmarks/on_gpu.py              # on a CUDA machine: some minutes; ends in PASS or FAIL
    python benchmarks/on_gpu.py --small      # the same script at the smallest sizes, on a CPU too: does it run at all

It needs no network, no DVC and no installation of thb, only its libraries (Python 3.11 or 3.12, torch, torchvision,
timm, pandas, pyarrow, safetensors, scikit-learn, opencv-python-headless, pydantic, av, grad-cam) and this tree. Clips
are rendered at 256 and at 512 px and prepared as profile paper would; weights start at random. One table is printed,
and written to benchmarks/results/<machine>.json, which a page of the book shows; then each network is trained for two
epochs, scored and explained.

A row is one network, in the training loop's own step: units (images, thumbnails, windows) a second
  step       of the whole step: clips from the store, augmentation, forward, backward, optimiser
  alone      of the network alone: the recorded step on one batch that stays
  plain      of the same, not recorded
  free       of the recorded step without deterministic algorithms: what those cost is the difference
  published  of the loop as detectors are commonly published: float32, PNG frames through a DataLoader of workers,
             nothing recorded, the same batch and augmentation
  share      what `step` makes of the rate of large matrix products in the same precision
  memory     GiB at the peak of `step`
  idle       share of `step` in which the GPU runs no kernel
  waits      times a step makes Python wait for the GPU
  scored     clips a second
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from thb import detectors
from thb.cams import explain
from thb.cams.regions import Atlas
from thb.clips import prepare
from thb.clips.clip_store import open_clips
from thb.core.params import Params, load
from thb.core.paths import Paths
from thb.corpus import fetch
from thb.detectors.base import Clips, Network, spans
from thb.fits import loop, score, score_files, train
from thb.fits.feed import Feed
from thb.fits.score_files import ScoreFile
from thb.fits.step import Step
from thb.splits import split
from thb.splits.clips_of_fit import clips_of_fit, soundless_marked, usable

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PROFILE = "on_gpu"
SIZES, SMALL_SIZES = (256, 512), (128,)  # pixels of a rendered frame; the last are measured on
EPOCHS = 2
SECONDS, SMALL_SECONDS = [2.2, 2.6], [1.3, 1.5]  # of a clip
CLIPS = {
    "generator": {"train": 2, "val": 1, "test": 1},
    "unseen": {"train": 0, "val": 0, "test": 1},
    "ffpp": {"train": 4, "val": 2, "test": 2},
    "celebvhq": {"train": 2, "val": 1, "test": 1},
    "swap": {"train": 4, "val": 2, "test": 2},
}
WARM = 6  # steps that are not timed: memory is found, kernels are chosen, the step is recorded
PNG_BATCHES = 4  # of the published loop's files; they are read again and again
COLUMNS = ("step", "alone", "plain", "free", "published", "share", "memory", "idle", "waits", "scored")


@dataclass(frozen=True)
class Row:
    """What one network did; see this module's docstring."""

    detector: str
    fit: str
    parameters: int
    batch: int  # units a step
    step: float
    alone: float
    plain: float
    free: float
    published: float
    share: float | None
    memory: float | None
    idle: float | None
    waits: float | None
    scored: float
    flops: float  # of a unit's matrix products and convolutions, forward and backward

    def line(self) -> str:
        shown = {name: "–" if (v := getattr(self, name)) is None else f"{v:.0f}" for name in COLUMNS}
        for name in ("share", "idle"):
            shown[name] = "–" if (v := getattr(self, name)) is None else f"{v:.0%}"
        return f"| {self.detector}/{self.fit}, {self.batch} | " + " | ".join(shown.values()) + " |"


def main() -> None:
    asked = _arguments()
    device = loop.prepare_torch(0)
    if device.type != "cuda" and not asked.small:
        raise SystemExit("no CUDA device is here; --small runs this script through on a CPU")
    begun, failed, rows = time.perf_counter(), [], []
    with _workspace(asked.folder) as folder:
        for size in SMALL_SIZES if asked.small else SIZES:
            paths, params = release(folder / str(size), size, asked.small, asked.precision)
        rate = matmul_rate(device, asked.precision)
        print(
            f"\n{_machine(device)}, torch {torch.__version__}, {asked.precision}; "
            f"matrix products {rate / 1e12:.2f} TFLOP/s"
        )
        print("| network, units a step | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
        for name, fit in asked.networks:
            with _noted(failed, f"measure {name}/{fit}"):
                rows.append(measure(paths, params, name, fit, device, rate, asked.seconds, folder / "png"))
                print(rows[-1].line(), flush=True)
        for name in dict.fromkeys(name for name, _ in asked.networks):
            with _noted(failed, f"train, score and explain {name}"):
                go_through(paths, params, name)
    seconds = time.perf_counter() - begun
    _write(asked, device, rate, rows, failed, seconds)
    print(f"\n{'FAIL: ' + '; '.join(failed) if failed else 'PASS'} after {seconds / 60:.1f} min")
    sys.exit(bool(failed))


@contextmanager
def _noted(failed: list[str], what: str) -> Iterator[None]:
    """One network's fault costs its own row; the rest goes on."""
    try:
        yield
    except Exception:  # whatever it is, it is told
        traceback.print_exc()
        failed.append(what)


# ---- a small release ----------------------------------------------------------------------------------


def profile(settings: dict[str, Any], size: int, small: bool, precision: str | None) -> dict[str, Any]:
    """Profile paper (small: smoke) on rendered clips of `size` px, from random weights, for EPOCHS epochs.

    `precision`: none is each network's own.
    """
    base, mini = settings["profiles"]["smoke" if small else "paper"], settings["profiles"]["mini"]
    render = {
        **mini["render"],
        "size": size,
        "seconds": SMALL_SECONDS if small else SECONDS,
        "curation": 10.0,
        "clips": CLIPS,
    }
    networks = {name for name, entry in settings["detectors"].items() if not entry.get("control")}
    alone = {"start_from": "scratch", "init_weights": "none", "epochs": EPOCHS, "warmup_epochs": 0, "lr_delay": 0}
    products = {"precision": precision} if precision else {}
    own = {
        name: {**changes, **alone, **products} if name in networks else changes
        for name, changes in base["detectors"].items()
    }
    store = {**base["store"], "size": min(base["store"]["size"], size)}
    rendered = {"corpus": "mini", "revision": None, "raw_dir": None, "reals": {}, "finder": "truth", "render": render}
    return {**base, **rendered, "store": store, "detectors": own}


def release(folder: Path, size: int, small: bool, precision: str) -> tuple[Paths, Params]:
    """Render, prepare and split in a folder of its own; says at which pace."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["profile"] = PROFILE
    settings["profiles"] = {PROFILE: profile(settings, size, small, precision)}
    settings["ablations"], settings["ablated"], settings["label_checks"] = {}, [], {}
    shutil.copytree(ROOT / "paper", folder / "paper", dirs_exist_ok=True)  # what the release's own faults are known by
    (folder / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    paths = Paths(folder)
    params = load(paths.params)
    times = [time.perf_counter()]
    fetch.run(paths, params)
    times.append(time.perf_counter())
    for source in params.sources:
        prepare.run(paths, params, source)
    times.append(time.perf_counter())
    split.run(paths, params)
    clips = sum(len(open_clips(paths, params, [source]).rows) for source in params.sources)
    made, prepared = (clips / (end - start) for start, end in itertools.pairwise(times))
    print(f"{clips} clips of {size} px: {made:.1f} rendered and {prepared:.1f} prepared a second")
    return paths, params


def go_through(paths: Paths, params: Params, name: str) -> None:
    """Train, score and explain one network's fit `all`, as the stages do."""
    train.run(paths, params, name, "all")
    score.run(paths, params, name, "all")
    atlas = Atlas(paths, params.active.store.windows, params.active.store.run)
    subject = explain._subject(paths, params, name, "all")
    scores = score_files.read(ScoreFile(paths, params, name, "all"))
    measured = explain._measured(subject, params, atlas, scores)
    covered = measured.filter(regex="^area_").sum(axis=1)  # of heat itself there may be none after two epochs
    assert len(measured), f"{name}: no heat map was measured"
    assert ((covered - 1).abs() < 1e-3).all(), f"{name}: its heat maps lie on no picture"
    shutil.rmtree(paths.run(name, "all"))  # of large networks many would not fit


# ---- measuring ----------------------------------------------------------------------------------------


def measure(
    paths: Paths,
    params: Params,
    name: str,
    fit: str,
    device: torch.device,
    rate: float,
    seconds: float,
    pictures: Path,
) -> Row:
    """One network's row; each pace is timed for about `seconds`."""
    torch.manual_seed(0)
    network = detectors.load(name).Detector(detectors.configure(name, params.detector(name)))
    rows = soundless_marked(clips_of_fit(paths, params, fit, ("train",)), network.hears)
    feed = Feed(open_clips(paths, params, list(params.sources)), usable(rows, "train"), device, network)
    state, rng = loop.begun(network, device), torch.Generator().manual_seed(0)
    state.step.set_rate(network.config.lr)
    network.train()
    units, pace = network.config.batch * network.config.train_units, partial(_pace, device, seconds)

    def whole() -> None:
        loop.train_step(state, feed, _drawn(feed, network, rng), rng)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    stepped = pace(whole)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    idle, waits = _idle(device, whole), _waits(device, whole)
    batch = network.training_batch(_taken(feed, network, rng), rng)
    alone = pace(lambda: state.step(batch))
    plain = pace(lambda: state.step._learn(batch))
    flops = _flops(network, batch)
    with _free():
        step = Step(network, state.optimiser, state.scaler, device)
        free = pace(lambda: step(batch))
    published = pace(_published_loop(feed, network, device, rng, pictures))
    scored = _scoring(network, feed, device)
    return Row(
        name,
        fit,
        sum(p.numel() for p in network.parameters()),
        units,
        *(units / each for each in (stepped, alone, plain, free, published)),
        flops / stepped / rate if device.type == "cuda" else None,
        memory,
        idle,
        waits,
        scored,
        flops / units,
    )


def _pace(device: torch.device, seconds: float, work: Callable[[], object]) -> float:
    """Seconds that one call takes, after WARM of them."""
    for _ in range(WARM):
        begun = _now(device)
        work()
    count = max(3, min(200, int(seconds / max(_now(device) - begun, 1e-4))))
    begun = _now(device)
    for _ in range(count):
        work()
    return (_now(device) - begun) / count


def _drawn(feed: Feed, network: Network, rng: torch.Generator) -> Tensor:
    return torch.randint(len(feed), (network.config.batch,), generator=rng)


def _taken(feed: Feed, network: Network, rng: torch.Generator) -> Clips:
    index = _drawn(feed, network, rng)
    starts = spans(len(index), feed.windows, feed.run, network.length, network.config.train_units, rng)
    return feed.take(index, starts, network.length)


def _flops(network: Network, batch: tuple[Tensor, ...]) -> float:
    with FlopCounterMode(display=False) as counter:
        network.loss_of(batch).backward()
    network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops())


@contextmanager
def _free() -> Iterator[None]:
    """Whichever algorithm is fastest, the same result every time or not."""
    torch.use_deterministic_algorithms(False)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
            yield
    finally:
        torch.use_deterministic_algorithms(True)


def _idle(device: torch.device, work: Callable[[], object]) -> float | None:
    """Share of the time of some calls in which no kernel runs; None without a GPU."""
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    begun = _now(device)
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        for _ in range(5):
            work()
        took = _now(device) - begun
    busy = sum(event.self_device_time_total for event in found.key_averages()) / 1e6
    return max(0.0, 1 - busy / took)


def _waits(device: torch.device, work: Callable[[], object]) -> float | None:
    """How often a call waits for the GPU; None without one."""
    if device.type != "cuda":
        return None
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return float(sum("synchroniz" in str(one.message) for one in heard))


def _scoring(network: Network, feed: Feed, device: torch.device) -> float:
    """Clips a second, after one pass that is not timed."""
    loop.score(network, feed)
    begun = _now(device)
    loop.score(network, feed)
    return len(feed) / (_now(device) - begun)


# ---- the published loop -------------------------------------------------------------------------------


class Pictures(Dataset):
    """Batches of frames as PNG files: item k is uint8 of the shape of `Clips.frames`."""

    def __init__(self, folder: Path, batches: list[Clips], items: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.items, self.shapes = folder, items, [tuple(clips.frames.shape) for clips in batches]
        for k, clips in enumerate(batches):
            for i, frame in enumerate(clips.frames.flatten(0, 2).cpu().numpy()):
                cv2.imwrite(str(folder / f"{k}-{i}.png"), frame[..., ::-1])

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, item: int) -> tuple[int, Tensor]:
        k = item % len(self.shapes)
        count = int(np.prod(self.shapes[k][:3]))
        frames = [cv2.imread(str(self.folder / f"{k}-{i}.png"), cv2.IMREAD_COLOR) for i in range(count)]
        return k, torch.from_numpy(np.stack(frames)[..., ::-1].copy()).view(self.shapes[k])


def _published_loop(
    feed: Feed, network: Network, device: torch.device, rng: torch.Generator, folder: Path
) -> Callable[[], None]:
    """A step whose frames come out of PNG files by way of workers, in float32 and not recorded."""
    batches = [_taken(feed, network, rng) for _ in range(PNG_BATCHES)]
    workers = min(8, os.cpu_count() or 1)
    loader = DataLoader(
        Pictures(folder, batches, 10_000), batch_size=None, num_workers=workers, pin_memory=device.type == "cuda"
    )
    items = iter(loader)
    network.config = replace(network.config, precision="float32", record="off")
    state = loop.begun(network, device)
    state.step.set_rate(network.config.lr)

    def work() -> None:
        k, frames = next(items)
        clips = replace(batches[k], frames=frames.to(device, non_blocking=True))
        state.step(network.training_batch(clips, rng))

    return work


# ---- the machine --------------------------------------------------------------------------------------


def matmul_rate(device: torch.device, precision: str) -> float:
    """FLOP/s of large square matrix products."""
    side, kind = (8192, getattr(torch, precision)) if device.type == "cuda" else (1024, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 / _pace(device, 1.0, lambda: a @ b)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _write(
    asked: argparse.Namespace, device: torch.device, rate: float, rows: list[Row], failed: list[str], seconds: float
) -> None:
    """The record of a run at full size; one at small size is written only where it is told to be."""
    name = asked.name or re.sub(r"[^a-z0-9]+", "_", _machine(device).lower()).strip("_")
    target = asked.out or (None if asked.small else RESULTS)
    if target is None:
        return
    target.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": _machine(device),
        "small": asked.small,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "precision": asked.precision,
        "matrix_rate": rate,
        "passed": not failed,
        "failed": failed,
        "seconds": round(seconds),
        "rows": [asdict(row) for row in rows],
    }
    (target / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _workspace(folder: Path | None) -> Iterator[Path]:
    if folder:
        yield folder.resolve()
    else:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)


def _networks() -> list[tuple[str, str]]:
    """(detector, fit): every network's fit `all`; and the one that it starts from, of one that trains on swaps."""
    names = [name for name in detectors.names() if detectors.kind(name).reads == "frames"]
    return [(name, fit) for name in names for fit in ("all", "ffpp") if fit == "all" or _compares(name)]


def _compares(name: str) -> bool:
    return bool(getattr(detectors.kind(name), "compares", False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="\n".join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = list(dict.fromkeys(name for name, _ in _networks()))
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR", help=f"{', '.join(known)}; none: all of them")
    parser.add_argument("--small", action="store_true", help="the smallest sizes: to see that it runs, on a CPU too")
    parser.add_argument("--seconds", type=float, default=2.0, help="for which each pace is timed")
    parser.add_argument("--precision", default="bfloat16", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--in", dest="folder", type=Path, help="keep the clips and fits in this folder")
    parser.add_argument("--name", default="", help="of the machine, for the file's name")
    parser.add_argument("--out", type=Path, help="the folder of that file; else benchmarks/results, if not --small")
    asked = parser.parse_args()
    if odd := [name for name in asked.detectors if name not in known]:
        raise SystemExit(f"unknown network {odd[0]!r}; known: {', '.join(known)}")
    asked.networks = [(name, fit) for name, fit in _networks() if name in (asked.detectors or known)]
    if asked.small:
        asked.seconds = min(asked.seconds, 0.5)
    return asked


if __name__ == "__main__":
    main()
