"""The paper's claims: read from paper/claims.yaml, judged on its own tables and on the cells computed here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from thb.cells.comparisons import OPEN
from thb.core.errors import DataError, ParamsError, unknown
from thb.report import claim_checks, claim_counts
from thb.report.claim_cells import AXES, Cells, own_cells, printed_cells
from thb.report.comparison import ELSEWHERE
from thb.report.load import Results
from thb.report.verdicts import FAILS, HOLDS, VERDICTS, Told, all_of

SECTIONS = ("abstract", "1", "2", "3", "4.1", "4.2", "4.3", "4.4", "4.5", "5", "A", "B", "C", "D", "E")
PAPER_ONLY = "about the paper only"
MARKS = {HOLDS: "✔", FAILS: "✘", OPEN: "?", ELSEWHERE: "·", PAPER_ONLY: "·"}
PRINT_ONLY = ("fractions", "same_class")  # checks on how cells are printed: ours have nothing to say to them
Checks = list[dict[str, dict[str, Any]]]


class Claim(BaseModel):
    """One entry of claims.yaml; what its keys mean stands at the top of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    where: str
    section: str
    claim: str
    checks: Checks
    but: list[dict[str, Any]] = []
    here: bool | Checks = False


@dataclass(frozen=True)
class Judged:
    """A verdict with the numbers that tell, and what must be said with it."""

    verdict: str
    text: str
    qualifier: str = ""
    told: tuple[Told, ...] = ()  # the answers of comparisons.csv that a verdict on ours rests on


@dataclass(frozen=True)
class Ruling:
    """One claim, judged on the printed tables and on the reproduced cells."""

    claim: Claim
    printed: Judged
    here: Judged


@dataclass(frozen=True)
class Evidence:
    """What a claim may be judged by."""

    cells: Cells
    tables: claim_counts.Tables

    def try_check(self, name: str, arguments: Mapping[str, Any]) -> claim_checks.Said:
        if name in claim_checks.CHECKS:
            return claim_checks.CHECKS[name](self.cells, **arguments)
        return claim_counts.CHECKS[name](self.tables, **arguments)

    def judge(self, checks: Checks) -> Judged:
        """Every check must hold; the words of all are told."""
        said = [self.try_check(name, arguments) for check in checks for name, arguments in check.items()]
        texts, told = [text for _, text, *_ in said], [one for _, _, *more in said for found in more for one in found]
        new = [text for i, text in enumerate(texts) if not any(text in earlier for earlier in texts[:i])]
        return Judged(VERDICTS[all_of(truth for truth, *_ in said)], "; ".join(new), told=tuple(told))

    def judge_with(self, claim: Claim) -> Judged:
        """The claim as it stands, with the readings that come out otherwise."""
        main = self.judge(claim.checks)
        readings = [(one["reading"], self.judge([_without_reading(one)])) for one in claim.but]
        otherwise = [_said(main, reading, judged) for reading, judged in readings if judged.verdict != main.verdict]
        told = (*main.told, *(one for _, judged in readings if judged.verdict != main.verdict for one in judged.told))
        return Judged(main.verdict, main.text, "; ".join(otherwise), told)


def rulings(results: Results) -> list[Ruling]:
    """Every claim with both verdicts, in the order of the paper's sections."""
    tables = claim_counts.Tables(results.paths.published)
    theirs, ours = Evidence(printed_cells(results), tables), Evidence(own_cells(results), tables)
    another = results.params.active.corpus == "mini"
    claims = sorted(read(results.paths.claims), key=lambda claim: SECTIONS.index(claim.section))
    return [Ruling(claim, theirs.judge_with(claim), _on_ours(claim, ours, another)) for claim in claims]


def _said(main: Judged, reading: str, judged: Judged) -> str:
    numbers = "" if judged.text == main.text else f" ({judged.text})"
    return f"{judged.verdict} {reading}{numbers}"


def _without_reading(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments for name, arguments in one.items() if name != "reading"}


def _on_ours(claim: Claim, evidence: Evidence, another_corpus: bool) -> Judged:
    if any(name not in claim_checks.CHECKS or name in PRINT_ONLY for check in claim.checks for name in check):
        return Judged(PAPER_ONLY, "")
    if another_corpus and not claim.here:
        return Judged(ELSEWHERE, "")
    if another_corpus and isinstance(claim.here, list):
        return evidence.judge(claim.here)
    return evidence.judge_with(claim)


def read(path: Path) -> list[Claim]:
    """claims.yaml, checked: ids once, sections and checks known, arguments that the checks take."""
    if not path.is_file():
        raise DataError(f"missing {path.name} in {path.parent.name}: the paper's claims")
    claims = [_parse(entry) for entry in _load(path, path.stat().st_mtime_ns)]
    ids = [claim.id for claim in claims]
    if twice := [one for one in ids if ids.count(one) > 1]:
        raise ParamsError(f"claims.yaml: {twice[0]} stands twice")
    return claims


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> list[dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _parse(entry: Mapping[str, Any]) -> Claim:
    try:
        claim = Claim.model_validate(entry)
    except ValidationError as e:
        fault = e.errors()[0]
        raise ParamsError(
            f"claims.yaml, {entry.get('id', '?')}: {'.'.join(map(str, fault['loc']))}: "
            f"{fault['msg'].lower()}; known: {', '.join(Claim.model_fields)}"
        ) from e
    if claim.section not in SECTIONS:
        raise ParamsError(unknown(f"section of {claim.id}", claim.section, SECTIONS))
    shape = claim.here if isinstance(claim.here, list) else []
    for check in [*claim.checks, *shape, *map(_without_reading, claim.but)]:
        _check_call(claim.id, check)
    return claim


def _check_call(where: str, check: Mapping[str, Mapping[str, Any]]) -> None:
    known = {**claim_checks.CHECKS, **claim_counts.CHECKS}
    for name, arguments in check.items():
        if name not in known:
            raise ParamsError(unknown(f"check of {where}", name, known))
        takes = _takes(name, known[name])
        if odd := [a for a in arguments if a not in takes]:
            raise ParamsError(unknown(f"argument of {name} in {where}", odd[0], takes))


def _takes(name: str, check: Any) -> Sequence[str]:
    """The arguments of a check; those on cells take selections too."""
    own = [p for p in list(inspect.signature(check).parameters)[1:] if p != "chosen"]
    return [*own, *AXES] if name in claim_checks.CHECKS else own
