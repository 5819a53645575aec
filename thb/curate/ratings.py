"""Answers about clips, of every rater in one CSV, which is whole at every moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from thb.core.errors import DataError, printable, unknown
from thb.core.tables import read_rows, write_rows

KEEP, REMOVE = "keep", "remove"
NAMED = 3  # of the clips that a line is about


class Reason(NamedTuple):
    """Why a clip is removed: one of the faults of the paper's Appendix C, or another."""

    reason: str  # its name in the file
    key: str  # that stands for it on the page
    shown: str
    sections: str  # of Appendix C, where it is named
    rendered: str  # faults of the simulated generators that are of this kind


@cache
def reasons() -> Mapping[str, Reason]:
    """Name -> reason, in the order of reasons.csv."""
    rows = read_rows(Path(__file__).with_name("reasons.csv"), Reason._fields)
    return {row["reason"]: Reason(**row) for row in rows}


class Rating(BaseModel):
    """One rater's answer about one clip: a row of the file."""

    model_config = ConfigDict(frozen=True)
    clip: Annotated[str, Field(min_length=1)]  # its path below the folder
    rater: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    verdict: Literal["keep", "remove"]
    reason: str  # '' where it is kept
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # for which it was looked at
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # of the clip that was seen

    @model_validator(mode="after")
    def _has_a_reason_if_removed(self) -> Rating:
        known = [""] if self.verdict == KEEP else list(reasons())
        if self.reason not in known:
            raise ValueError(unknown(f"reason to {self.verdict}", self.reason, map(repr, known)))
        return self

    @property
    def answer(self) -> str:
        """`keep`, or the reason to remove it."""
        return self.reason or KEEP


COLUMNS = tuple(Rating.model_fields)


def read(files: Sequence[Path]) -> list[Rating]:
    """The answers in these files, in their order; none of a file that is not there.

    Raises DataError, which names the row, for one that is malformed, and for a clip that a rater answers twice.
    """
    found: dict[tuple[str, str], Rating] = {}
    for file in files:
        for number, row in enumerate(read_rows(file, COLUMNS), 1):
            rating = _checked(row, f"{file.name}, answer {number}")
            if found.setdefault((rating.rater, rating.clip), rating) is not rating:
                raise DataError(f"{file.name}, answer {number}: {rating.rater} answers {rating.clip!r} a second time")
    return list(found.values())


def _checked(row: Mapping[str, str], where: str) -> Rating:
    try:
        return Rating.model_validate(row)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        (column,) = first["loc"] or ("reason",)
        told = first["msg"].removeprefix("Value error, ")
        raise DataError(f"{where}, column {column}: {row[str(column)]!r}: {told[0].lower()}{told[1:]}") from None


def now() -> str:
    """The time, as the file has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def some(clips: Iterable[str]) -> str:
    """How many clips, and the first of their names."""
    names = list(clips)
    return f"{len(names)} ({', '.join(map(printable, names[:NAMED]))}{', …' if len(names) > NAMED else ''})"


class Sheet:
    """One rater's answers, by clip, latest last; whatever changes them is in the file before it returns."""

    def __init__(self, file: Path, rater: str) -> None:
        self.file, self.rater = file, rater
        everybody = read([file])
        self._others = [one for one in everybody if one.rater != rater]
        self._own = {one.clip: one for one in everybody if one.rater == rater}
        self.outdated: set[str] = set()  # clips that have changed since; the file keeps what was said until then

    @property
    def answers(self) -> dict[str, Rating]:
        """What holds of the clips as they are."""
        return {clip: one for clip, one in self._own.items() if clip not in self.outdated}

    def put(self, rating: Rating) -> None:
        """Take an answer, in the place of an earlier one about the clip."""
        self._keep({**self._without(rating.clip), rating.clip: rating})
        self.outdated.discard(rating.clip)

    def withdraw(self, clip: str) -> None:
        """Take an answer back."""
        self._keep(self._without(clip))

    def _without(self, clip: str) -> dict[str, Rating]:
        return {name: one for name, one in self._own.items() if name != clip}

    def _keep(self, own: dict[str, Rating]) -> None:
        rows = [[*one.model_dump().values()] for one in (*self._others, *own.values())]
        write_rows(rows, self.file, COLUMNS)
        self._own = own
