"""Every claim of paper/claims.yaml with its verdicts: by the paper's own tables, and by what was computed here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from thb.cells.answers import VERDICTS, Told, Verdicts, all_of, by_machine
from thb.cells.claims import on_cells, on_heat, on_tables
from thb.cells.claims.cells import AXES, Cells, OwnCells, Said
from thb.cells.claims.on_heat import Maps
from thb.cells.claims.on_tables import Tables
from thb.cells.heat import Clips
from thb.core.errors import DataError, ParamsError, check_known
from thb.core.params import Params
from thb.core.paths import Paths

SECTIONS = ("abstract", "1", "2", "3", "4.1", "4.2", "4.3", "4.4", "4.5", "5", "A", "B", "C", "D", "E")
ELSEWHERE, PAPER_ONLY = "not comparable (another corpus)", "about the paper only"
JUDGED = tuple(VERDICTS.values())  # of a claim that was put to the test
PRINT_ONLY = ("fractions", "same_class")  # checks on how cells are printed: ours have nothing to say to them
CHECKS = on_cells.CHECKS | on_tables.CHECKS | on_heat.CHECKS
COLUMNS = [
    "id",
    "section",
    "where",
    "claim",
    "recomputed",
    "verdict",
    "qualifier",
    "here",
    "here_recomputed",
    "here_qualifier",
    "here_rests_on",
]
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
    alone: list[dict[str, Any]] = []

    @property
    def readings(self) -> dict[str, Checks]:
        """Other readings -> what must hold in each."""
        return _by_reading(self.but)

    @property
    def of_one_detector(self) -> dict[str, Checks]:
        """Readings of what it says of any one detector -> what must hold in each; '': as it stands."""
        return _by_reading(self.alone)

    @property
    def of_paper_only(self) -> bool:
        return any(name in on_tables.CHECKS or name in PRINT_ONLY for check in self.checks for name in check)


def _by_reading(entries: Sequence[Mapping[str, Any]]) -> dict[str, Checks]:
    return {one.get("reading", ""): [{k: v for k, v in one.items() if k != "reading"}] for one in entries}


@dataclass(frozen=True)
class Judged:
    """A verdict with the numbers that tell, and what must be said with it."""

    verdict: str
    text: str = ""
    qualifier: str = ""
    told: tuple[Told, ...] = ()  # the answers of comparisons.csv that a verdict on ours rests on


@dataclass(frozen=True)
class Evidence:
    """What checks look at: the paper's cells and maps, or ours; its other tables in either case."""

    cells: Cells
    tables: Tables
    maps: Maps

    def said(self, check: str, arguments: Mapping[str, Any]) -> Said:
        """What one check finds."""
        if check in on_cells.CHECKS:
            return on_cells.CHECKS[check](self.cells, **arguments)
        if check in on_heat.CHECKS:
            return on_heat.CHECKS[check](self.maps, **arguments)
        return on_tables.CHECKS[check](self.tables, **arguments)


def in_print(params: Params, paths: Paths) -> Evidence:
    """What the paper printed. Raises DataError if a file of it is missing."""
    return Evidence(Cells.printed(params, paths.published), Tables(paths.published), Maps(params, None))


def ledger(
    params: Params, paths: Paths, cells: pd.DataFrame, answers: Verdicts, maps: Clips | None = None
) -> pd.DataFrame:
    """COLUMNS, a row a claim, in the order of the paper's sections.

    `cells` and `answers` are what `evaluate` computed, `maps` what `explain` measured of each detector, where it did.
    Raises DataError if a file of the paper is missing and ParamsError if claims.yaml asks for what is not there.
    """
    printed = in_print(params, paths)
    cells_here = OwnCells.of(params, printed.cells, cells, answers)
    own = Evidence(cells_here, printed.tables, Maps(params, maps or {}))
    rows = []
    for claim in sorted(read(paths.claims), key=lambda claim: SECTIONS.index(claim.section)):
        theirs, ours = judge_readings(claim, printed), judge_here(claim, own, params.active.corpus)
        rows.append(
            [
                *(claim.id, claim.section, claim.where, claim.claim),
                *(theirs.text, theirs.verdict, theirs.qualifier),
                *(ours.verdict, ours.text, ours.qualifier, by_machine(ours.told)),
            ]
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def judge(checks: Checks, evidence: Evidence) -> Judged:
    """Every check must hold; what each found is told, once."""
    said = [evidence.said(name, arguments) for check in checks for name, arguments in check.items()]
    new = [one.text for i, one in enumerate(said) if not any(one.text in earlier.text for earlier in said[:i])]
    told = tuple(answer for one in said for answer in one.told)
    return Judged(VERDICTS[all_of(one.truth for one in said)], "; ".join(new), told=told)


def judge_readings(claim: Claim, evidence: Evidence) -> Judged:
    """The claim as it stands, qualified by the readings that come out otherwise."""
    main = judge(claim.checks, evidence)
    readings = {reading: judge(checks, evidence) for reading, checks in claim.readings.items()}
    otherwise = {reading: one for reading, one in readings.items() if one.verdict != main.verdict}
    qualifier = [
        f"{one.verdict} {reading}{'' if one.text == main.text else f' ({one.text})'}"
        for reading, one in otherwise.items()
    ]
    told = (*main.told, *(answer for one in otherwise.values() for answer in one.told))
    return Judged(main.verdict, main.text, "; ".join(qualifier), told)


def judge_here(claim: Claim, own: Evidence, corpus: str) -> Judged:
    """The claim put to our cells and maps; of another corpus than the paper's only its shape can be."""
    if claim.of_paper_only:
        return Judged(PAPER_ONLY)
    if corpus != "mini":
        return judge_readings(claim, own)
    if isinstance(claim.here, list):
        return judge(claim.here, own)
    return judge_readings(claim, own) if claim.here else Judged(ELSEWHERE)


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
    check_known(f"section of {claim.id}", [claim.section], SECTIONS)
    shape = claim.here if isinstance(claim.here, list) else []
    readings = [*claim.readings.values(), *claim.of_one_detector.values()]
    for check in [*claim.checks, *shape, *chain(*readings)]:
        for name, arguments in check.items():
            check_known(f"check of {claim.id}", [name], CHECKS)
            takes = _takes(name)
            check_known(f"argument of {name} in {claim.id}", arguments, takes)
    return claim


def _takes(name: str) -> Sequence[str]:
    """The arguments of a check; those on cells take selections too."""
    own = [p for p in list(inspect.signature(CHECKS[name]).parameters)[1:] if p != "chosen"]
    return [*own, *AXES] if name in on_cells.CHECKS else own
