"""What every column of a CSV that comes from outside must hold; the first value that does not is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from thb.core.errors import DataError
from thb.core.tables import OK, STATUSES, read_csv


@dataclass(frozen=True)
class Rule:
    """What a value must be, in words and as a pattern or a range; an empty one only where that is allowed."""

    words: str
    pattern: str = ".*"
    between: tuple[float, float] | None = None
    empty: bool = False

    def holds(self, column: pd.Series) -> pd.Series:
        """bool [n] of text [n]."""
        good = column.str.fullmatch(self.pattern)
        if self.between:
            good &= pd.Series(pd.to_numeric(column, errors="coerce")).between(*self.between)
        return good | ((column == "") & self.empty)


COUNT = Rule("a whole number", r"\d+")
NAME = Rule("a name", ".+")
SPLIT = Rule("train, val or test", "train|val|test")
MANIFEST = {
    "path": Rule("a path below data/raw", r"[^\\\0]+"),
    "bytes": COUNT,
    "sha256": Rule("a SHA-256 in hexadecimal", "[0-9a-f]{64}"),
    "revision": NAME,
}
CURATION = {
    "source": NAME,
    "made": COUNT,
    "removed": COUNT,
    "kept": COUNT,
    "ratio_removed": Rule("a share from 0 to 1", between=(0, 1)),
}
SCORES = {
    "clip": NAME,
    "source": NAME,
    "role": Rule("generator, unseen, real or swap", "generator|unseen|real|swap"),
    "label": Rule("0 (real) or 1 (fake)", "[01]"),
    "split": SPLIT,
    "use": Rule("val or test", "val|test"),
    "status": Rule(" or ".join(STATUSES), "|".join(STATUSES)),
}
SCORE = Rule("a probability from 0 to 1", between=(0, 1), empty=True)


def check(path: Path, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """The file as text, every column that has a rule checked; an error names file, line, column and value."""
    table = read_csv(path, list(rules), as_text=True)
    for (_, values), rule in zip(table.items(), rules.values(), strict=True):
        _refuse_first(path, values, rule.holds(values), rule.words)
    return table


def check_manifest(path: Path) -> None:
    """The list of fetched files, none of which may lie outside of data/raw."""
    paths = check(path, MANIFEST).loc[:, "path"]
    _refuse_first(path, paths, paths.map(_stays_below), MANIFEST["path"].words)
    _refuse_first(path, paths, ~paths.duplicated(), "listed once")


def check_curation(path: Path) -> None:
    check(path, CURATION)


def check_scores(path: Path, columns: Sequence[str] = ("score",)) -> None:
    """Anybody's scores: one in each of the columns for each clip that is ok, and each clip once."""
    table = check(path, {**SCORES, **dict.fromkeys(columns, SCORE)})
    _refuse_first(path, table.loc[:, "clip"], ~table["clip"].duplicated(), "listed once")
    for column in columns:
        scored = table.loc[:, column].ne("") | table["status"].ne(OK)
        _refuse_first(path, table.loc[:, column], scored, f"a number, as its clip's status is {OK}")


def _refuse_first(path: Path, values: pd.Series, good: pd.Series, words: str) -> None:
    """The first bad value of a column, by its line in the file (the head is line 1)."""
    bad = values.loc[~good.astype(bool)]
    if len(bad):
        where = f"{path.parent.name}/{path.name}, line {bad.index[0] + 2}, column {values.name}"
        raise DataError(f"{where}: {bad.iloc[0]!r} is not {words} ({len(bad)} of {len(values)} rows)")


def _stays_below(path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts
