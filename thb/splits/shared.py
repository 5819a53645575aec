"""What training and test share, a row for each thing that was looked for, with what that means for trust."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from thb.core.errors import DataError, unknown
from thb.splits import leakage

COLUMNS = ["scope", "kind", "promised", "count", "examples", "trust"]
CORPUS = "corpus"  # the scope of what is looked for in all clips together
WHOLE = ("reals_that_drive", "repeated", "swaps_across_splits", "trained_officially", "same_files")
KEPT, BROKEN, ALLOWED, APART = "kept", "broken", "allowed", "nothing shared"
CLEAN, LOOK, UNKNOWN = "clean", "look closer", "not checked"
NOTHING, CHANCE, UNFIT = "nothing found", "no more than by chance", "cannot tell"
SEES = 0.5  # of the pairs of one name: a network that knows fewer of them again cannot clear anybody


def by_name(found: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict]:
    """COLUMNS of leakage.json: these protocols x kind, then the whole corpus; a count is nan where nothing was checked.

    Raises DataError for a protocol that the file does not hold, and for something in it that is not known here.
    """
    for name in names:
        if name not in found["protocols"]:
            raise DataError(unknown("protocol in leakage.json", name, found["protocols"]))
        for kind in leakage.KINDS:
            entry = found["protocols"][name][kind]
            trusts = (BROKEN, KEPT) if entry["promised"] else (ALLOWED, APART)
            yield _row(name, kind, entry["promised"], entry, trusts[0 if entry["count"] else 1])
    for kind in found["whole"]:
        if kind not in WHOLE:
            raise DataError(unknown("kind in leakage.json's `whole`", kind, WHOLE))
    for kind in WHOLE:
        entry = found["whole"].get(kind, {"count": float("nan"), "examples": []})
        trust = UNKNOWN if kind not in found["whole"] else LOOK if entry["count"] else CLEAN
        yield _row(CORPUS, kind, False, entry, trust)


def _row(scope: str, kind: str, promised: bool, entry: Mapping[str, Any], trust: str) -> dict:
    more = ["…"] if entry["count"] > len(entry["examples"]) else []
    return dict(
        zip(
            COLUMNS, (scope, kind, promised, entry["count"], "; ".join([*entry["examples"], *more]), trust), strict=True
        )
    )


def by_face(found: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict]:
    """COLUMNS of what a network found: test clips that look like one that was seen under another name."""
    for name in (name for name in names if name in found["protocols"]):
        entry = found["protocols"][name]
        examples = [f"{e['tested']} = {e['seen']} ({e['similarity']:.3f})" for e in entry["alike"]["examples"]]
        alike = {"count": entry["alike"]["clips"], "examples": examples}
        yield _row(name, f"look-alikes by {found['net']}", entry["promised"], alike, _trust(found, entry))


def _trust(found: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """What a protocol's count means: nothing, where the network knows nobody again, or everybody."""
    pairs = found["pairs"]["one_name"]
    known_again = pairs["count"] and pairs["reached"] / pairs["count"] >= SEES
    if not known_again or entry["expected"] > SEES * entry["tested"]:
        return UNFIT
    if not entry["alike"]["clips"]:
        return NOTHING
    return LOOK if entry["alike"]["clips"] > entry["expected"] else CHANCE


def look_alikes(found: Mapping[str, Any], names: Sequence[str]) -> pd.DataFrame:
    """What stands behind the counts of `by_face`, a row a protocol."""
    rows = [
        (
            row["scope"],
            entry["tested"],
            entry["alike"]["clips"],
            entry["alike"]["people"],
            entry["expected"],
            f"{entry['named']['found']:,} of {entry['named']['clips']:,}",
            row["trust"],
            row["examples"],
        )
        for row in by_face(found, names)
        for entry in [found["protocols"][row["scope"]]]
    ]
    columns = ["protocol", "tested", "alike", "people", "by chance", "found of one name", "trust", "examples"]
    return pd.DataFrame(rows, columns=columns)


def pairs(found: Mapping[str, Any]) -> pd.DataFrame:
    """How alike two clips of one name and of two names are: pairs, the share taken for one person, quantiles."""
    return pd.DataFrame(
        {
            kind.replace("_", " "): {
                "pairs": entry["count"],
                "taken for one person": entry["reached"] / entry["count"] if entry["count"] else float("nan"),
                **entry["quantiles"],
            }
            for kind, entry in found["pairs"].items()
        }
    ).T
