"""How far two raters agree: what both said of the clips that both saw, and Cohen's kappa."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from thb.core.decimals import decimal
from thb.core.errors import DataError, printable
from thb.curate.ratings import KEEP, REMOVE, Rating, read, reasons, some


class Agreed(NamedTuple):
    """How often two raters give one answer."""

    n: int  # clips
    share: float  # on which they agree; nan of no clip
    kappa: float  # Cohen's; nan where it is not defined: on no clip, or where both know one answer only


class Pair(NamedTuple):
    """Two raters on the clips that both saw."""

    raters: tuple[str, str]
    agreed: dict[str, Agreed]  # by what is compared, in words
    met: pd.DataFrame  # how often the first rater's answer (row) met the second's (column)
    changed: list[str]  # clips of which they saw different bytes, and which count nowhere


VERDICT, ANSWER, REASON = "keep or remove", "keep, or which reason", "which reason, where both remove"


def run(files: Sequence[Path]) -> None:
    """Print, for every two raters of these files, how far they agree.

    Raises DataError for a file that is missing or malformed, fewer than two raters, or none two with a clip in common.
    """
    if missing := [file for file in files if not file.is_file()]:
        raise DataError(f"no file {missing[0]}; `thb curate FOLDER --out {missing[0]}` writes one")
    names = ", ".join(file.name for file in files)
    by_rater: dict[str, dict[str, Rating]] = {}
    for one in read(files):
        by_rater.setdefault(one.rater, {})[one.clip] = one
    if len(by_rater) < 2:
        raise DataError(f"{names}: agreement needs two raters; here is {', '.join(by_rater) or 'nobody'}")
    pairs = [compare(by_rater[a], by_rater[b]) for a, b in combinations(by_rater, 2)]
    if not any(pair.agreed[VERDICT].n for pair in pairs):
        raise DataError(f"{names}: no clip was seen, with the same bytes, by two of {', '.join(by_rater)}")
    print("\n\n".join(map(_told, pairs)))


def compare(first: Mapping[str, Rating], second: Mapping[str, Rating]) -> Pair:
    """Two raters' answers, by clip, held against each other."""
    both = [clip for clip in first if clip in second]
    same = [clip for clip in both if first[clip].sha256 == second[clip].sha256]
    removed = [clip for clip in same if first[clip].verdict == second[clip].verdict == REMOVE]

    def said(what: str, clips: Sequence[str]) -> tuple[list[str], list[str]]:
        return [getattr(first[clip], what) for clip in clips], [getattr(second[clip], what) for clip in clips]

    agreed = {
        VERDICT: _agreed(*said("verdict", same)),
        ANSWER: _agreed(*said("answer", same)),
        REASON: _agreed(*said("reason", removed)),
    }
    raters = next(iter(first.values())).rater, next(iter(second.values())).rater
    return Pair(raters, agreed, _met(*said("answer", same)), [clip for clip in both if clip not in same])


def _agreed(first: list[str], second: list[str]) -> Agreed:
    if not first:
        return Agreed(0, np.nan, np.nan)
    with warnings.catch_warnings(action="ignore"):  # of one answer only; what comes out is nan, and is told
        kappa = cohen_kappa_score(first, second)
    return Agreed(len(first), float(np.mean(np.array(first) == second)), float(kappa))


def _met(first: list[str], second: list[str]) -> pd.DataFrame:
    """Counts, with the answers in the order of the page."""
    counts = pd.crosstab(np.array(first, object), np.array(second, object))
    rows, columns = ([one for one in (KEEP, *reasons()) if one in axis] for axis in (counts.index, counts.columns))
    return counts.reindex(index=rows, columns=columns)


def _told(pair: Pair) -> str:
    a, b = map(printable, pair.raters)
    lines = [f"{a} and {b}: {pair.agreed[VERDICT].n} clips in common"]
    if pair.changed:
        lines.append(f"  left out, as they saw different bytes of them: {some(pair.changed)}")
    if len(pair.met):
        lines += [f"  {what}: {_line(agreed)}" for what, agreed in pair.agreed.items()]
        lines.append(f"  how often an answer of {a} (down) met one of {b} (across):")
        lines += [f"    {line}" for line in pair.met.rename_axis(index=None, columns=None).to_string().split("\n")]
    return "\n".join(lines)


def _line(agreed: Agreed) -> str:
    if not agreed.n:
        return "no such clip"
    why = " (not defined where both give one and the same answer throughout)" if np.isnan(agreed.kappa) else ""
    return f"the same on {agreed.share:.0%} of {agreed.n}, Cohen's kappa {decimal(agreed.kappa)}{why}"
