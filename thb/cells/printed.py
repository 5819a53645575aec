"""The numbers the paper printed, keyed as our cells are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from thb.cells.columns import CELL
from thb.core.errors import DataError, check_known
from thb.core.params import Params
from thb.core.tables import read_csv

CELLS = "tables_5_6_7_D9_D10_all_long.csv"  # the paper's first version
SOURCES = "release_counts.csv"  # every source of the release, reals among them
FAKES = "table2_generators.csv"  # generators that the paper names, benchmarked or not
LATER = "later_version_site_results_p1_p2_p3.csv"  # its later one, as the project's page shows it


def printed_cells(folder: Path, name: str = CELLS) -> dict[tuple[str, str, str, str], float]:
    """(printed protocol, printed detector, printed generator, metric) -> value, of one version of the paper."""
    path = folder / name
    if not path.is_file():
        raise DataError(f"missing {name} in {folder}: the paper's printed tables")
    table = pd.read_csv(path)
    if table.duplicated(CELL).any():
        raise DataError(f"{name}: cell {tuple(table.loc[table.duplicated(CELL), CELL].iloc[0])} stands twice")
    axes = (table[key] for key in CELL)
    return {(p, d, g, m): float(value) for p, d, g, m, value in zip(*axes, table["value"], strict=True)}


def printed_value(cells: Mapping, params: Params, protocol: str, detector: str, generator: str, metric: str) -> float:
    """The printed number beside one of our cells; nan where the paper has none."""
    key = (
        params.protocols[protocol].printed,
        params.detectors[detector].printed,
        params.sources[generator].printed,
        metric,
    )
    return cells.get(key, float("nan"))


def check_printed(folder: Path, params: Params) -> None:
    """Refuse a `printed` name that the paper does not print; face swaps are no row of the paper's, and may have any."""
    axes = ["protocol", "detector", "generator"]
    cells = pd.concat(read_csv(folder / name, axes) for name in (CELLS, LATER))
    protocols, detectors, generators = (list(cells[axis].unique()) for axis in axes)
    fakes = {*generators, *read_csv(folder / FAKES, ["generator"])["generator"]}
    sources = list(read_csv(folder / SOURCES, ["source"])["source"])
    known = {"real": [s for s in sources if s not in fakes]}
    for name, source in params.sources.items():
        if source.role != "swap":
            _one_of(f"sources.{name}", source.printed, known.get(source.role, [s for s in sources if s in fakes]))
    for name, protocol in params.protocols.items():
        _one_of(f"protocols.{name}", protocol.printed, protocols)
    for name, entry in params.detectors.items():
        _one_of(f"detectors.{name}", entry.printed, detectors)


def _one_of(where: str, printed: str | None, known: list[str]) -> None:
    if printed is not None:
        check_known(f"name in {where}.printed", [printed], known)
