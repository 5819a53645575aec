"""Entries of the leaderboard: a file each, that says whose scores they are and which files hold them, and no number.

An entry is never edited. Another version of it (tall-2 after tall-1) takes its place and says why, and one that is
taken back says so: `entered.csv` holds a digest of each, so that neither an edit nor a removal goes unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError

from thb.core import origin, plain_yaml
from thb.core.errors import DataError, ParamsError, check_known, unknown
from thb.core.params import Params, Strict
from thb.core.paths import Paths, check_name
from thb.core.ranges import Digest, Flag, Name, Parameters, Text, broken, shown
from thb.core.tables import read_csv, read_rows, write_atomic, write_rows
from thb.leaderboard.editions import FOLDER, Edition, Editions, Version, fault
from thb.submitted import compared

ENTERED = ["entry", "digest"]
SUPERSEDED, CORRECTED = "superseded", "corrected"
# What an entry that does not rank is. The first are in order, and tell of what happened to it; the others are not.
LAWFUL = ("withdrawn", SUPERSEDED, CORRECTED, "of another edition", "of another evaluator", "of other clips")
MALFORMED, NOT_ENTERED, CHANGED, GONE = "malformed", "not entered", "changed", "gone"
NO_SCORES, OTHER_FILE, COPIED, ODD, PARTIAL = (
    "without scores",
    "of other scores",
    "copied",
    "with odd scores",
    "partial",
)
FAULTS = (MALFORMED, NOT_ENTERED, CHANGED, GONE, NO_SCORES, OTHER_FILE, COPIED, ODD, PARTIAL)


class Aside(DataError):
    """An entry does not rank: what it is, of LAWFUL or FAULTS, and why, in a line."""

    def __init__(self, entry: str, state: str, why: str) -> None:
        super().__init__(f"{entry} is {state}: {why}")
        self.state, self.why = state, why


def _day(word: str) -> str:
    try:
        known = date.fromisoformat(word).isoformat() == word
    except ValueError:
        known = False
    if not known:
        raise broken(f" {shown(word)} is no day; one is written 2025-05-30, in quotes")
    return word


Day = Annotated[str, AfterValidator(_day)]
Url = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9][^\s<>\"'`\\{}|^]*$", max_length=300)]
SCORES = r"^(results|leaderboard)/scores/[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*\.csv$"  # none leads out
File = Annotated[str, Field(pattern=SCORES)]


class Scores(Strict):
    """A file of scores, and the fits that gave them; what is trained elsewhere may have one file for all."""

    file: File
    sha256: Digest
    fits: Annotated[list[Text], Field(min_length=1)]


class Change(Strict):
    """Why an entry takes the place of the version before it."""

    kind: Literal["superseded", "corrected"]
    why: Text


class Withdrawn(Strict):
    date: Day
    why: Text


class Entry(Strict):
    """One file of leaderboard/entries."""

    detector: Name
    baseline: Flag = False  # shown beside the detectors and never ranked
    authors: Annotated[list[Text], Field(min_length=1, max_length=40)]
    date: Day
    paper: Url | None = None
    code: Url | None = None
    scores_at: Url | None = None  # where score files can be had that are not in the repository
    parameters: Parameters | None = None  # of a network that is not here
    edition: Edition
    evaluator: Version
    clips: Digest  # of results/clips.csv: which clips were scored, and their splits
    scores: Annotated[list[Scores], Field(min_length=1)]
    change: Change | None = None
    withdrawn: Withdrawn | None = None

    @property
    def fits(self) -> dict[str, Scores]:
        """Fit -> the file with its scores."""
        return {fit: one for one in self.scores for fit in one.fits}

    @property
    def hash(self) -> str:
        """Of all that it says but whether it was withdrawn since."""
        return origin.digest(self.model_dump(mode="json", exclude={"withdrawn"}))


# ---- reading ------------------------------------------------------------------------------------------


def folder(paths: Paths) -> Path:
    return paths.root / FOLDER / "entries"


def file_of(paths: Paths, name: str) -> Path:
    return folder(paths) / f"{name}.yaml"


def names(paths: Paths) -> list[str]:
    """Every entry that is here or was entered, those that were entered first and in that order."""
    here = sorted(file.stem for file in folder(paths).glob("*.yaml") if not file.name.startswith("."))
    return list(dict.fromkeys([*entered(paths), *here]))


def entered(paths: Paths) -> dict[str, str]:
    """Entry -> the hash under which it was entered, in order; raises DataError for one that stands twice."""
    rows = read_rows(ledger(paths), ENTERED)
    found = {row["entry"]: row["digest"] for row in rows}
    if len(found) < len(rows):
        raise DataError(f"{paths.relative(ledger(paths))} lists an entry twice; it is only ever added to")
    return found


def ledger(paths: Paths) -> Path:
    """The list of what was entered, which is only ever added to."""
    return paths.root / FOLDER / "entered.csv"


def read(paths: Paths, params: Params, name: str) -> Entry:
    """One entry as its file says it; raises Aside, MALFORMED or GONE, for one that says it wrongly or not at all."""
    if not file_of(paths, name).is_file():
        raise Aside(name, GONE, f"{FOLDER}/entries/{name}.yaml was removed; an entry is withdrawn, and stays")
    try:
        check_name("entry", name)
        found = Entry.model_validate(plain_yaml.load(file_of(paths, name)))
        _check(params, name, found)
    except ValidationError as error:
        raise Aside(name, MALFORMED, fault(error, Entry)) from None
    except ParamsError as error:
        raise Aside(name, MALFORMED, str(error)) from None
    return found


def version(name: str) -> tuple[str, int]:
    """The detector and the version that an entry's name tells; raises ParamsError for one that tells none."""
    detector, dash, number = name.rpartition("-")
    if not dash or not number.isascii() or not number.isdigit() or str(int(number)) != number or number == "0":
        raise ParamsError(f"an entry is called <detector>-<version>, as tall-1 is; {shown(name)} is not")
    return detector, int(number)


def _check(params: Params, name: str, entry: Entry) -> None:
    """Refuse what no value shows by itself."""
    detector, number = version(name)
    if detector != entry.detector:
        raise ParamsError(f"detector {shown(entry.detector)}, but the file is called {name}.yaml")
    if (number > 1) != (entry.change is not None):
        raise ParamsError("a version after the first, and no other, says under `change` what it changes and why")
    given = [fit for one in entry.scores for fit in one.fits]
    if odd := [fit for fit in given if fit not in params.fits]:
        raise ParamsError(unknown("fit", odd[0], params.fits))
    if twice := [fit for fit in given if given.count(fit) > 1]:
        raise ParamsError(f"fit {twice[0]} has scores twice")
    home = f"{FOLDER if entry.baseline else 'results'}/scores/{entry.detector}/"
    if strange := [one.file for one in entry.scores if not one.file.startswith(home)]:
        raise ParamsError(f"scores in {strange[0]}, but those of {entry.detector} lie in {home}; `thb scores add`")
    if entry.baseline:
        compared.check_free(params, entry.detector)
    elif wrong := [fit for fit, one in entry.fits.items() if one.file != f"{home}{fit}.csv"]:
        raise ParamsError(f"scores of fit {wrong[0]} in {entry.fits[wrong[0]].file}; they lie in {home}{wrong[0]}.csv")


# ---- writing ------------------------------------------------------------------------------------------


def enter(paths: Paths, params: Params, editions: Editions, entry: Entry) -> str:
    """Write an entry as the next version of its detector and list it; its name. Raises ParamsError for an odd one."""
    name = f"{entry.detector}-{last(paths, entry.detector) + 1}"
    _check(params, name, entry)
    check_known("edition", [entry.edition], editions.editions)
    _write(paths, name, entry)
    write_rows([*entered(paths).items(), (name, entry.hash)], ledger(paths), ENTERED)
    return name


def withdraw(paths: Paths, params: Params, name: str, said: Withdrawn) -> None:
    """Say in an entry that it was taken back; it stays where it is. Raises ParamsError for one that is not here."""
    check_known("entry", [name], names(paths))
    _write(paths, name, read(paths, params, name).model_copy(update={"withdrawn": said}))


def _write(paths: Paths, name: str, entry: Entry) -> None:
    said = entry.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    write_atomic(file_of(paths, name), lambda part: part.write_text(text, encoding="utf-8"))


def last(paths: Paths, detector: str) -> int:
    """The number of a detector's last version, 0 if it has none."""
    return max((number for one, number in map(_version, names(paths)) if one == detector), default=0)


def _version(name: str) -> tuple[str, int]:
    try:
        return version(name)
    except ParamsError:
        return name, 0


def of_results(paths: Paths, params: Params, detector: str, fits: Sequence[str]) -> list[Scores]:
    """The score files of a detector in results/, of these fits without those that were left out.

    Raises ParamsError for a detector that is not known, DataError for one without scores.
    """
    check_known("detector with scores", [detector], params.detectors)
    found = []
    for fit in fits:
        file = paths.scores(detector, fit)
        if file.is_file() and len(read_csv(file, ["clip"])):
            found.append(Scores(file=paths.relative(file), sha256=origin.sha256(file), fits=[fit]))
    if not found:
        raise DataError(f"no scores of {detector} are here; `thb score {detector}`, or `thb scores add`")
    return found
