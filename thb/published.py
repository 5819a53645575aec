"""The numbers the paper printed, keyed as our cells are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from thb.errors import DataError
from thb.params import Params

CELLS = "tables_5_6_7_D9_D10_all_long.csv"                  # the paper's first version
LATER = "later_version_site_results_p1_p2_p3.csv"           # its later one, as the project's page shows it


def printed_cells(folder: Path, name: str = CELLS) -> dict[tuple[str, str, str, str], float]:
    """(printed protocol, printed detector, printed generator, metric) -> value, of one version of the paper."""
    path = folder / name
    if not path.is_file():
        raise DataError(f"missing {name} in {folder}: the paper's printed tables")
    table = pd.read_csv(path)
    keys = ["protocol", "detector", "generator", "metric"]
    if table.duplicated(keys).any():
        raise DataError(f"{name}: cell {tuple(table[table.duplicated(keys)].iloc[0][keys])} stands twice")
    return {tuple(row[keys]): float(row["value"]) for _, row in table.iterrows()}


def printed_value(cells: dict, params: Params, protocol: str, detector: str, generator: str, metric: str) -> float:
    """The printed number beside one of our cells; nan where the paper has none."""
    key = (params.protocols[protocol].printed, params.detectors[detector].printed,
           params.sources[generator].printed, metric)
    return cells.get(key, float("nan"))
