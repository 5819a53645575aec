"""How much memory `thb prepare` takes for more and more clips: it must not grow with them.

    python benchmarks/prepare_memory.py --clips $THB_SAMPLES              # 100, then 400 clips
    python benchmarks/prepare_memory.py --clips $THB_SAMPLES --numbers 100 400 1600

A few clips under as many names, laid out as the release and stored as profile paper says (10 MB a clip on the disk of
the temporary folder, and as much again until the store is whole). Peaks are the system's own (VmHWM): of the process
that writes, and of the worst worker.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from thb.clips import prepare
from thb.core import origin
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import write_json

SOURCE = "hallo"
EVERY = 0.2  # seconds between looks at the processes


def main() -> None:
    wanted = _arguments()
    print("| clips | peak of the writing process, MiB | of the largest worker, MiB | workers | clips a second |")
    print("|---|---|---|---|---|")
    for number in wanted.numbers:
        with tempfile.TemporaryDirectory() as made:
            print(f"| {number} | {' | '.join(measure(Path(made), wanted, number))} |", flush=True)


def measure(root: Path, wanted: argparse.Namespace, number: int) -> list[str]:
    """Peaks of one run in a fresh process, and its pace."""
    params = load(find_root() / "params.yaml")
    lay_out(Paths(root), params, sorted(wanted.clips.rglob("*.mp4"))[: wanted.different], number)
    run = get_context("spawn").Process(target=_prepare, args=(root, params, wanted.workers))
    began = time.monotonic()
    run.start()
    own, workers = 0, {}
    while run.is_alive():
        own = max(own, _peak(run.pid))
        workers |= {child: peak for child in _children(run.pid) if (peak := _peak(child))}
        time.sleep(EVERY)
    if run.exitcode:
        raise SystemExit(f"prepare of {number} clips failed")
    pace = number / (time.monotonic() - began)
    return [f"{own:.0f}", f"{max(workers.values()):.0f}", str(len(workers)), f"{pace:.1f}"]


def lay_out(paths: Paths, params: Params, files: list[Path], number: int) -> None:
    """`number` names in the release's style for these files: second names, or copies on another disk."""
    folder = paths.raw / params.source(SOURCE).folder / "train"
    folder.mkdir(parents=True)
    suffix = Path(params.source(SOURCE).folder).name
    for i, file in zip(range(number), itertools.cycle(files), strict=False):
        target = folder / f"{i:05d}--aaaaaaaaaaa_{i}--{suffix}.mp4"
        try:
            os.link(file, target)
        except OSError:
            target.write_bytes(file.read_bytes())


def _prepare(root: Path, params: Params, workers: int) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the whole life of this process
    changed = {"corpus": "hub", "store": params.profiles["paper"].store, "finder": "haar", "workers": workers}
    profile = params.active.model_copy(update=changed)
    paths = Paths(root)
    settings = params.model_copy(update={"profiles": {**params.profiles, params.profile: profile}})
    write_json(origin.record(origin.of_raw(paths, settings), paths.raw, []), paths.raw_record)  # as they are
    prepare.run(paths, settings, SOURCE)


def _children(process: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _peak(process: int) -> float:
    """MiB that a process held at most; 0 where it has gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="a folder of real clips")
    parser.add_argument("--numbers", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--different", type=int, default=4, help="clips that the names share")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
