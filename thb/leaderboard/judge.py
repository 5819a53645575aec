"""What each entry is worth: whether it may rank, and its scores, held against its hashes and the clips that test it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from thb.core import origin
from thb.core.errors import ThbError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, read_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile
from thb.leaderboard import editions, entries
from thb.leaderboard.editions import FOLDER, Editions
from thb.leaderboard.entries import Aside, Entry, Scores
from thb.submitted import match, score_rows, submit
from thb.submitted.compared import compared, trained_here

Tables = dict[str, pd.DataFrame]  # fit -> SCORE_COLUMNS
Known = dict[tuple[str, str], pd.DataFrame]  # hash of a file, fit -> its scores


@dataclass(frozen=True)
class Judged:
    """An entry: what it says (None: nothing that can be read), and why it does not rank ('': it does)."""

    name: str
    entry: Entry | None
    state: str = ""
    why: str = ""
    scores: Tables = field(default_factory=dict)
    scored: int = 0  # clips with a score, of those that the board's protocols test, over all fits
    of: int = 0
    verified: bool = False


@dataclass(frozen=True)
class Judge:
    """Judges the entries of one clone; what it reads of scores and clips it reads once."""

    paths: Paths
    params: Params  # the submitted detectors among the others
    editions: Editions
    known: Known

    @classmethod
    def of(cls, paths: Paths, params: Params, known: Known | None = None) -> Judge:
        """Of a clone; `known`: what another judge of the same clips has read."""
        params = compared(paths, trained_here(params))  # whether or not the submitted ones are among them already
        return cls(paths, params, editions.load(paths, params), {} if known is None else known)

    @cached_property
    def clips(self) -> pd.DataFrame:
        return score_files.read_tested(self.paths, self.params)

    @cached_property
    def clips_hash(self) -> str:
        return origin.sha256(self.paths.tested)

    @cached_property
    def evaluator(self) -> str:
        return self.editions.evaluator(self.params)

    @property
    def fits(self) -> list[str]:
        """Those that the board's protocols test."""
        return submit.fits_of(self.params, self.editions.ranked.protocols)

    # ---- entries

    def every(self, edition: str) -> Iterator[Judged]:
        """The entries of an edition, as they were entered; those that cannot be read stand with the newest."""
        for name in entries.names(self.paths):
            found = self.judged(name, edition)
            if found.entry.edition == edition if found.entry else edition == self.editions.newest:
                yield found

    def judged(self, name: str, edition: str = "") -> Judged:
        """One entry; of an edition other than its own it is told that it is of another."""
        entry = None
        try:
            entry = entries.read(self.paths, self.params, name)
            self._check_said(name, entry, edition or self.editions.newest)
            tables = self._scores(name, entry)
            scored, of = self._coverage(name, entry, tables)
        except Aside as fault:
            return Judged(name, entry, fault.state, fault.why)
        return Judged(name, entry, "", "", tables, scored, of, self._is_verified(name, entry))

    def _check_said(self, name: str, entry: Entry, edition: str) -> None:
        """Raises Aside for an entry that its own words, or those of a later version, keep from the board."""
        known = entries.entered(self.paths).get(name)
        if known is None:
            raise Aside(
                name, entries.NOT_ENTERED, f"{FOLDER}/entered.csv does not list it; `thb leaderboard enter` does"
            )
        if known != entry.hash:
            raise Aside(
                name, entries.CHANGED, "it was edited since it was entered; enter another version that corrects it"
            )
        if entry.withdrawn:
            raise Aside(name, "withdrawn", f"on {entry.withdrawn.date}, {entry.withdrawn.why}")
        if entry.edition != edition:
            raise Aside(name, "of another edition", f"{entry.edition}, not {edition}")
        if entry.evaluator != self.evaluator:
            here = self.evaluator or f"of no stated version ({editions.code_of(self.params)})"
            raise Aside(name, "of another evaluator", f"{entry.evaluator}; the one here is {here}")
        if entry.clips != self.clips_hash:
            raise Aside(name, "of other clips", f"{entry.clips[:12]}…; results/clips.csv is {self.clips_hash[:12]}…")
        for later, other in self._later(name, entry):
            if other.change:
                raise Aside(name, other.change.kind, f"by {later}, {other.change.why}")

    def _later(self, name: str, entry: Entry) -> Iterator[tuple[str, Entry]]:
        """Versions after this one that were entered, for the same edition, evaluator and clips."""
        detector, number = entries.version(name)
        place = (entry.edition, entry.evaluator, entry.clips)
        for other, found in self._entered():
            later = found.detector == detector and entries.version(other)[1] > number
            if later and (found.edition, found.evaluator, found.clips) == place:
                yield other, found

    def _entered(self) -> Iterator[tuple[str, Entry]]:
        """The entries that are as they were entered, in that order."""
        for name, known in entries.entered(self.paths).items():
            try:
                found = entries.read(self.paths, self.params, name)
            except Aside:
                continue
            if found.hash == known:
                yield name, found

    # ---- scores

    def _scores(self, name: str, entry: Entry) -> Tables:
        """Fit -> its scores; raises Aside where they are not here, are others, somebody else's, or none."""
        for one in entry.scores:
            file = self.paths.root / one.file
            if not file.is_file():
                where = f"; they can be had at {entry.scores_at}, for `thb scores add`" if entry.scores_at else ""
                raise Aside(name, entries.NO_SCORES, f"missing {one.file}{where}")
            if file.resolve() != self.paths.root.resolve() / one.file:
                raise Aside(name, entries.OTHER_FILE, f"{one.file} is a link to another file")
            if (now := origin.sha256(file)) != one.sha256:
                then = f"entered was {one.sha256[:12]}…: it was made anew since, or is not what was scored"
                why = f"{one.file} is {now[:12]}…, {then}"
                raise Aside(name, entries.OTHER_FILE, why)
        hashes = {one.sha256 for one in entry.scores}
        for other, found in self._entered():
            if other == name:
                break
            if found.detector != entry.detector and (same := hashes & {one.sha256 for one in found.scores}):
                raise Aside(
                    name, entries.COPIED, f"{other} was entered with the same scores ({min(same)[:12]}…) before"
                )
        try:
            return {fit: self._table(entry, fit, one) for fit, one in entry.fits.items()}
        except ThbError as fault:
            raise Aside(name, entries.ODD, str(fault)) from None

    def _table(self, entry: Entry, fit: str, one: Scores) -> pd.DataFrame:
        """The scores of a fit, every row held against the clips; read once for the same bytes."""
        if (key := (one.sha256, fit)) not in self.known:
            if entry.baseline:
                rows = score_rows.read(self.paths.root / one.file)
                found = match.match(self.params, self.clips, fit, rows, (), allowed=1.0).table
            else:
                file = ScoreFile(self.paths, self.params, entry.detector, fit)
                found = score_files.read_against(file, self.clips)
            self.known[key] = found
        return self.known[key]

    def _coverage(self, name: str, entry: Entry, tables: Tables) -> tuple[int, int]:
        """How many of the clips that the board's protocols test on these fits are scored; raises Aside for too few."""
        scored = of = 0
        for fit, table in tables.items():
            wanted = self._wanted(fit)
            scored += int(wanted.isin(table.loc[table["status"] == OK, "clip"]).sum())
            of += len(wanted)
        if not of:
            every = ", ".join(self.editions.ranked.protocols)
            raise Aside(name, entries.NO_SCORES, f"none of its fits is tested by {every}")
        if of - scored > self.editions.ranked.missing * of:
            raise Aside(name, entries.PARTIAL, f"{scored:,} of {of:,} clips have a score")
        return scored, of

    def _wanted(self, fit: str) -> pd.Series:
        """The clips that the board's protocols test on a fit; none where no protocol does."""
        own = [p for p in self.editions.ranked.protocols if fit in submit.fits_of(self.params, [p])]
        mask = match.tested(self.params, self.clips, fit, own) if own else pd.Series(False, index=self.clips.index)
        return self.clips.loc[mask, "clip"]

    # ---- verified

    def verified_file(self, name: str) -> Path:
        return self.paths.root / FOLDER / "verified" / f"{name}.json"

    def _is_verified(self, name: str, entry: Entry) -> bool:
        """Whether a maintainer scored every fit anew, to what was entered."""
        file = self.verified_file(name)
        said = read_json(file) if file.is_file() else {}
        if not isinstance(said, dict) or said.get("entry") != entry.hash or said.get("evaluator") != self.evaluator:
            return False
        apart = said.get("largest")
        if not isinstance(apart, dict) or set(apart) != set(entry.fits):
            return False
        return all(isinstance(far, float) and far <= self.editions.verified_within for far in apart.values())
