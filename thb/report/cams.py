"""What `explain` left of each network: where its heat lies on every clip, and the clips that a panel shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thb.core import metrics
from thb.core.errors import DataError, ParamsError, unknown
from thb.core.tables import CAM_COLUMNS, PANEL_COLUMNS, REGIONS, SANITY_COLUMNS, read_csv, read_json
from thb.report import vouched
from thb.report.load import Results
from thb.splits import protocols

MASS, AREA = ([f"{kind}_{region}" for region in REGIONS] for kind in ("mass", "area"))
ONE_FIT = ("all", "no-generator")  # protocols with one fit a generator; others are not explained
NOT_HERE = "has not been explained on these clips; `dvc repro explain` does it"
NONE_HERE = f"No network {NOT_HERE}."


@dataclass(frozen=True)
class Panels:
    """Clips shown, a row each, and their arrays (names -> [row, ...], as `explain` wrote them)."""

    rows: pd.DataFrame
    arrays: dict[str, np.ndarray]


def networks(results: Results, asked: Sequence[str] = ()) -> list[str]:
    """The networks named, or all that are explained; others are refused."""
    known = results.params.explained
    for name in asked:
        if name not in known:
            raise ParamsError(unknown("explained detector", name, known))
    return list(asked) or list(known)


def at_hand(results: Results, asked: Sequence[str] = ()) -> list[str]:
    """Those of them whose maps are here."""
    return [name for name in networks(results, asked) if (results.paths.cams(name) / "clips.csv").is_file()]


def absent(results: Results, asked: Sequence[str] = ()) -> list[str]:
    """A sentence for each of them whose maps are not here."""
    gone = [name for name in networks(results, asked) if name not in at_hand(results, asked)]
    return [f"{label(results, name)} {NOT_HERE}." for name in gone]


def label(results: Results, detector: str) -> str:
    return results.params.detectors[detector].printed or detector


def explained_protocols(results: Results, asked: Sequence[str]) -> list[str]:
    """The protocols named; refused where a score is a mean over several fits, each with a map of its own."""
    known = [name for name, protocol in results.params.protocols.items() if protocol.fit in ONE_FIT]
    for name in asked:
        if name not in known:
            raise ParamsError(unknown("explained protocol", name, known))
    return list(asked)


def clips(results: Results, detector: str) -> pd.DataFrame:
    return read_csv(_file(results, detector, "clips.csv"), CAM_COLUMNS)


def sanity(results: Results, detector: str) -> pd.DataFrame:
    return read_csv(_file(results, detector, "sanity.csv"), SANITY_COLUMNS)


def regions(results: Results, detector: str) -> dict:
    return read_json(_file(results, detector, "regions.json"))


def _file(results: Results, detector: str, name: str) -> Path:
    return vouched.maps(results.paths, results.params, detector, name)


def panels(results: Results, detector: str) -> Panels:
    """The clips shown of one network, refused unless there are as many arrays as rows."""
    rows = read_csv(_file(results, detector, "panels.csv"), PANEL_COLUMNS)
    with np.load(_file(results, detector, "panels.npz")) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, array in arrays.items():
        if len(array) != len(rows):
            raise DataError(
                f"{detector}: panels.csv has {len(rows)} rows, panels.npz {len(array)} {name}; run `dvc repro`"
            )
    return Panels(rows, arrays)


def fakes(results: Results, rows: pd.DataFrame, protocol: str, generator: str) -> pd.DataFrame:
    """The explained fakes of one generator under one protocol."""
    return _of_fit(results, rows, protocol, generator, protocols.fakes(rows, results.protocol(protocol), generator))


def reals(results: Results, rows: pd.DataFrame, protocol: str, generator: str) -> pd.DataFrame:
    """The explained reals under the fit that this generator is tested on."""
    return _of_fit(results, rows, protocol, generator, protocols.reals(rows, results.protocol(protocol)))


def _of_fit(results: Results, rows: pd.DataFrame, protocol: str, generator: str, mask: pd.Series) -> pd.DataFrame:
    return rows[mask & (rows["fit"] == fit_of(results, protocol, generator))]


def fit_of(results: Results, protocol: str, generator: str) -> str:
    """The one fit that an explained protocol tests on a generator."""
    (fit,) = protocols.fits_of(results.protocol(protocol), generator, list(results.params.generators))
    return fit


def replicates(results: Results, rows: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """float [1 + bootstrap, columns]: means over these clips, then over resamples of the people in them; nan if none.

    The same people are drawn for every column, so differences between columns are paired.
    """
    m = results.params.metrics
    if rows.empty:
        return np.full((1 + m.bootstrap, len(columns)), np.nan)
    weights = metrics.draws(protocols.identity(rows).to_numpy(), m.bootstrap, m.seed)
    return weights @ rows[list(columns)].to_numpy(float) / weights.sum(axis=1, keepdims=True)


def bounds(results: Results, values: np.ndarray) -> tuple[float, float, float]:
    """The value, and the ends of its interval, of replicates [1 + bootstrap]."""
    return (float(values[0]), *metrics.interval(values[1:], results.params.metrics.confidence))
