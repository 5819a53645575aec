"""P1, P2, P3 and the rest, as data: which fit is tested on which clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from thb.core.errors import entry
from thb.core.params import Params, Protocol


@dataclass(frozen=True)
class Trial:
    """One generator under one protocol, and the fits whose scores are read, averaged where several."""

    protocol: str
    generator: str
    fits: tuple[str, ...]


def trials(params: Params, names: list[str] | None = None) -> Iterator[Trial]:
    """Every trial of these protocols (default: all), in the order of params.yaml."""
    for name in names or params.protocols:
        protocol = entry("protocol", name, params.protocols)
        for generator in params.of_role(*protocol.fakes):
            yield Trial(name, generator, fits_of(protocol, generator, list(params.generators)))


def fits_of(protocol: Protocol, generator: str, generators: list[str]) -> tuple[str, ...]:
    """The fits that a protocol tests on one generator."""
    if protocol.fit == "no-generator":
        return (f"no-{generator}",)
    if protocol.fit == "every-no":
        return tuple(f"no-{g}" for g in generators)
    return (protocol.fit,)


def fakes(rows: pd.DataFrame, protocol: Protocol, generator: str) -> pd.Series:
    """Mask of the fakes that a protocol tests: one generator's clips of the named splits."""
    return (rows.loc[:, "source"] == generator) & rows.loc[:, "split"].isin(protocol.split)


def reals(rows: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Mask of the reals that a protocol tests."""
    return (rows.loc[:, "role"] == "real") & rows.loc[:, "split"].isin(protocol.reals)


def identity(rows: pd.DataFrame) -> pd.Series:
    """Who a clip shows: a fake's portrait, a real's video; the clip itself where neither is known."""
    portrait, video = rows.loc[:, "portrait"], rows.loc[:, "video"]
    return portrait.where(portrait != "", video.where(video != "", rows["clip"]))
