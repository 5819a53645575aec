"""Entering scores that are here, and taking an entry back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from thb.core import origin
from thb.core.errors import ParamsError
from thb.leaderboard import baseline, entries
from thb.leaderboard.editions import fault
from thb.leaderboard.entries import CORRECTED, SUPERSEDED, Entry
from thb.leaderboard.judge import Judge


@dataclass(frozen=True)
class Said:
    """What is said of an entry; what is empty is taken from the version before."""

    detector: str
    authors: Sequence[str]
    date: str
    more: Mapping[str, Any]  # keys of Entry
    why: str = ""
    corrected: bool = False
    baseline: bool = False


def enter(judge: Judge, said: Said) -> str:
    """Write the next version of a detector's entry; its name.

    Raises ParamsError for what may not be said, DataError where scores are missing.
    """
    paths, params = judge.paths, judge.params
    if not judge.evaluator:
        raise ParamsError("the code that computes numbers is of no stated version; see leaderboard/editions.yaml")
    number = entries.last(paths, said.detector)
    before = entries.read(paths, params, f"{said.detector}-{number}") if number else None
    given = {key: value for key, value in said.more.items() if value}
    kept = before.model_dump(include={"authors", "paper", "code", "scores_at", "parameters"}) if before else {}
    of = _baseline(judge) if said.baseline else entries.of_results(paths, params, said.detector, judge.fits)
    filled = {
        "detector": said.detector,
        "baseline": said.baseline,
        **kept,
        **given,
        **({"authors": list(said.authors)} if said.authors else {}),
        "date": said.date,
        "edition": judge.editions.newest,
        "evaluator": judge.evaluator,
        "clips": judge.clips_hash,
        "scores": [one.model_dump() for one in of],
    }
    if number:
        filled["change"] = {"kind": CORRECTED if said.corrected else SUPERSEDED, "why": said.why}
    return entries.enter(paths, params, judge.editions, _entry(filled))


def withdraw(judge: Judge, name: str, day: str, why: str) -> None:
    """Raises ParamsError for an entry that is not here, or a reason that is none."""
    try:
        said = entries.Withdrawn(date=day, why=why)
    except ValidationError as error:
        raise ParamsError(f"--{fault(error, entries.Withdrawn)}") from None
    entries.withdraw(judge.paths, judge.params, name, said)


def _entry(filled: Mapping[str, Any]) -> Entry:
    try:
        return Entry.model_validate(filled)
    except ValidationError as error:
        raise ParamsError(f"the entry of {filled['detector']}: {fault(error, Entry)}") from None


def _baseline(judge: Judge) -> list[entries.Scores]:
    """The random scores, written; one file for every fit."""
    file = baseline.write(judge.paths, judge.params)
    return [entries.Scores(file=judge.paths.relative(file), sha256=origin.sha256(file), fits=judge.fits)]
