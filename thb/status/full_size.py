"""full size: what training at the published size takes, by measured rates and by the fits that were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import SPLIT_COLUMNS, read_csv, read_json
from thb.fits import weights

RATES = "benchmarks/results"  # a JSON a machine, by benchmarks/on_gpu.py
PROFILE = "paper"
FIT = "all"  # whose measured pace stands for every fit but the one on swaps, if that was measured too
# Of a record, what each row repeats; the rest is the row's own.
MACHINE = ("machine", "precision", "torch", "passed", "matrix_rate")
COLUMNS = (
    "detector",
    "fit",
    "batch",
    "step",
    "alone",
    "plain",
    "free",
    "published",
    "share",
    "memory",
    "idle",
    "scored",
)


def measured(root: Path) -> pd.DataFrame:
    """A row a machine and network, of the runs at full size; no row where none was made.

    Raises DataError for a file that is no such record.
    """
    rows = []
    for file in sorted((root / RATES).glob("*.json")):
        record = read_json(file)
        try:
            about = {key: record[key] for key in MACHINE}
            rows += [about | {key: row[key] for key in COLUMNS} for row in record["rows"] if not record["small"]]
        except (KeyError, TypeError) as fault:
            raise DataError(f"{RATES}/{file.name} is no record of benchmarks/on_gpu.py: {fault} is absent") from fault
    return pd.DataFrame(rows, columns=[*MACHINE, *COLUMNS])


@dataclass(frozen=True)
class Load:
    """What a fit asks for: units trained on and clips scored, over all of its epochs."""

    units: int
    scored: int

    def hours(self, step: float, scored: float) -> float:
        return (self.units / step + self.scored / scored) / 3600


def load_of(settings: Mapping[str, Any], train: int, val: int) -> Load:
    epochs = settings["epochs"]
    return Load(epochs * settings["repeats"] * settings["train_units"] * train, epochs * val)


def run(paths: Paths, params: Params, train: int, val: int) -> None:
    """Print a row a fit of each network: what it asks for, the hours that takes on each machine, and what it took.

    `train`, `val`: clips of a fit of which there is no split of profile paper here.
    """
    rates = measured(paths.root)
    machines = list(dict.fromkeys(rates["machine"]))
    published = params.model_copy(update={"profile": PROFILE})
    heads = ["fit", "clips", "units", *(f"{name}: projected h" for name in machines), "took h", "stopped by"]
    lines = list(_lines(paths, params, published, rates, machines, (train, val)))
    print(f"All fits of profile {PROFILE}, with every epoch that its settings allow\n")
    print("\n".join("  ".join(cells) for cells in _aligned([heads, *lines])))
    if not machines:
        print(f"\nno rate was measured: {RATES} holds no run at full size; on a GPU, `python benchmarks/on_gpu.py`")


def _lines(
    paths: Paths,
    params: Params,
    published: Params,
    rates: pd.DataFrame,
    machines: list[str],
    clips: tuple[int, int],
) -> Iterator[list[str]]:
    sums = dict.fromkeys([*machines, "took"], 0.0)
    for name, entry in published.detectors.items():
        if entry.control:
            continue
        for fit in published.fits:
            train, val = _clips(paths, params, fit, clips)
            load, (run, took) = load_of(published.detector(name), train, val), _made(paths, name, fit)
            hours = [_projected(rates, machine, name, fit, load) for machine in machines]
            for key, each in zip(sums, [*hours, took], strict=True):
                sums[key] += each or 0.0
            yield [
                f"{name}/{fit}",
                f"{train:,}",
                f"{load.units:,}",
                *map(_hours, hours),
                _hours(took),
                str(run.get("stopped_by", "")),
            ]
    yield ["all", "", "", *map(_hours, sums.values()), ""]


def _clips(paths: Paths, params: Params, fit: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    """Training and validation clips of a fit, as it was split if that was for this profile."""
    if params.profile != PROFILE or not paths.split(fit).is_file():
        return otherwise
    uses = read_csv(paths.split(fit), SPLIT_COLUMNS)["use"]
    return sum(uses == "train"), sum(uses == "val")


def _made(paths: Paths, detector: str, fit: str) -> tuple[Mapping[str, Any], float | None]:
    """run.json of a fit that was made in this profile ({} if there is none), and the hours that it took, if known."""
    folder = paths.run(detector, fit)
    run, took = (read_json(file) if file.is_file() else {} for file in (folder / weights.RUN, folder / weights.TOOK))
    if run.get("profile") != PROFILE or weights.is_imported(run):
        return {}, None
    return run, took["seconds"] / 3600 if "seconds" in took else None


def _projected(rates: pd.DataFrame, machine: str, detector: str, fit: str, load: Load) -> float | None:
    own = rates[(rates["machine"] == machine) & (rates["detector"] == detector)].set_index("fit")
    key = fit if fit in own.index else FIT
    return load.hours(own.loc[key, "step"], own.loc[key, "scored"]) if key in own.index else None


def _hours(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:.1f}"


def _aligned(rows: list[list[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    ]
