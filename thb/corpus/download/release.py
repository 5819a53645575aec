"""The published data in data/raw: what is here and sound stays, the rest is taken over or downloaded, and verified."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from thb.core.errors import DataError, DiskError, ParamsError
from thb.core.folders import LOCK, alone
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import MANIFEST_COLUMNS, RENDERED, disk_errors, read_rows
from thb.corpus.download import own_copy
from thb.corpus.download.download import Refused, download, place, set_aside, settle, size, take_over, verify
from thb.corpus.download.hub import Hub, HubFile, Unreachable
from thb.corpus.download.threads import Bar, Crew, Report
from thb.corpus.download.verified import Ledger, keep_listing, kept_listing, listed
from thb.corpus.download.wanted import is_wanted, strays

NAMED = 3  # faults that the last line names; each has a line of its own above
IN_A_ROW = 8  # files that fail one after the other before the rest is not tried


class Release:
    """One run of fetch: the Hub's listing, the user's own copy, and what data/raw holds of them."""

    def __init__(self, paths: Paths, params: Params, bar: Bar, say: Callable[[str], None]) -> None:
        _refuse_rendered(paths)
        self.paths, self.params, self.say = paths, params, say
        self.crew = Crew(params.fetch.workers, bar, say)
        self.hub = Hub(params.fetch, params.active.revision, self.crew.pause)
        self.own = own_copy.folder(params)
        if self.own and paths.raw.resolve().is_relative_to(self.own):
            raise ParamsError(f"your own copy of the release, {str(self.own)!r}, holds data/raw; it must lie elsewhere")

    def fetch(self, again: bool) -> None:
        """Bring data/raw to what the release holds for the sources of params.yaml; `again` rehashes what is here."""
        files = self._listing()
        with disk_errors(self.paths.fetching):
            self.paths.fetching.mkdir(parents=True, exist_ok=True)
        with alone(self.paths.fetching / LOCK, "data/raw"), Ledger(self.paths, self.hub.revision) as ledger:
            todo = self._check(files, ledger, again)
            self._refuse_too_much(todo)
            faults = self._bring(todo, ledger)
            self._remove_strays(files)
        if faults:
            raise DataError(_summary(faults, len(todo)))
        shutil.rmtree(self.paths.fetching / "parts", ignore_errors=True)
        held = tqdm.format_sizeof(sum(file.bytes for file in files), "B")
        self.say(f"{len(files):,} files, {held}: {len(todo):,} came now, {len(files) - len(todo):,} were here")

    # ---- what there should be

    def _listing(self) -> list[HubFile]:
        """The files that stages read: as the Hub lists them, else as far as the user's own copy has them."""
        mine = own_copy.listing(self.own, self.params) if self.own else []
        try:
            whole = kept_listing(self.paths, self.hub) or self._asked(hurried=bool(mine))
        except Unreachable as fault:
            if not mine:
                raise
            return self._unchecked(mine, fault)
        self._report_newer()
        files = [file for file in whole if is_wanted(file.path, self.params)]
        if not files:
            raise DataError(f"revision {self.hub.revision} holds none of the folders under `sources` in params.yaml")
        return files + self._only_mine(mine, files)

    def _asked(self, hurried: bool) -> list[HubFile]:
        files = self.hub.listing(hurried)
        keep_listing(self.paths, self.hub, files)
        return files

    def _report_newer(self) -> None:
        newest = self.hub.newest()
        if newest and newest != self.hub.revision:
            self.say(f"{self.hub.name} has moved on to {newest}; taken is {self.hub.revision}, as params.yaml says")

    def _unchecked(self, mine: list[HubFile], fault: Unreachable) -> list[HubFile]:
        """The user's copy by itself; what vouches for it is said."""
        summed = sum(bool(file.sha256) for file in mine)
        self.say(
            f"{fault}; of {len(mine)} files in your own copy {summed} are checked against its {own_copy.SUMS}, "
            f"{len(mine) - summed} against nothing"
        )
        return mine

    def _only_mine(self, mine: list[HubFile], files: list[HubFile]) -> list[HubFile]:
        """Real videos of the user's copy, which the Hub does not have; other files that it lacks are left out."""
        known = {file.path for file in files}
        reals = tuple(self.params.source(name).folder + "/" for name in self.params.of_role("real", "swap"))
        extra = [file for file in mine if file.path not in known]
        if odd := [file.path for file in extra if not file.path.startswith(reals)]:
            self.say(f"{_some(odd)} of your own copy left out: the release has no such file")
        return [file for file in extra if file.path.startswith(reals)]

    # ---- what there is

    def _check(self, files: list[HubFile], ledger: Ledger, again: bool) -> list[HubFile]:
        """Those that are not here, or not sound; what is not sound is set aside."""
        here = [file for file in files if _is_plain(self.paths.raw / file.path)]
        doubtful = [file for file in here if again or not ledger.knows(file)]
        missing = {file.path for file in files} - {file.path for file in here}
        total = sum(size(self.paths.raw / file.path) for file in doubtful)
        with (
            self.crew.ticking("checking", total) as tick,
            self.crew.side_by_side(lambda file: self._rehash(file, tick), doubtful) as finished,
        ):
            for file, done in finished:
                sha256, fits = done.result()
                if fits:
                    ledger.add(file, sha256)
                else:
                    self._give_up(file)
                    missing.add(file.path)
        return [file for file in files if file.path in missing]

    def _give_up(self, file: HubFile) -> None:
        target = self.paths.raw / file.path
        self.say(f"{file.path}: not as listed; {set_aside(target, target, self.paths.raw)}")

    def _rehash(self, file: HubFile, tick: Report) -> tuple[str, bool]:
        found = verify(self.paths.raw / file.path, file)
        tick(size(self.paths.raw / file.path))
        return found

    def _remove_strays(self, files: list[HubFile]) -> None:
        """Clips that the release does not have would be taken for its own."""
        raw = self.paths.raw
        odd = strays(raw, self.params, (file.path for file in files if not file.local))
        for file in odd:
            set_aside(file, file, raw)
        if odd:
            names = [file.relative_to(raw).as_posix() for file in odd]
            self.say(f"{_some(names)} not in the release; set aside in data/raw/.refused")

    # ---- what must come

    def _refuse_too_much(self, todo: list[HubFile]) -> None:
        """A disk that would run full is found before the first byte."""
        needed, free = sum(map(self._needs, todo)), shutil.disk_usage(self.paths.raw).free
        if needed > free:
            raise DiskError(
                f"data/raw needs {tqdm.format_sizeof(needed, 'B')} more, and its disk has "
                f"{tqdm.format_sizeof(free, 'B')} free; make room, or work on a larger disk"
            )

    def _needs(self, file: HubFile) -> int:
        own = self._mine(file)
        if own and own.stat().st_dev == os.stat(self.paths.raw).st_dev:
            return 0
        return max(0, file.bytes - size(self._part(file)))

    def _bring(self, todo: list[HubFile], ledger: Ledger) -> list[DataError]:
        """Every file, several at a time; those that cannot be had do not keep the others from coming."""
        faults, row = [], 0
        left = sum(file.bytes - min(file.bytes, size(self._part(file))) for file in todo)
        with (
            self.crew.ticking("fetching", left) as tick,
            self.crew.side_by_side(lambda file: self._bring_one(file, tick), todo) as finished,
        ):
            for file, done in finished:
                try:
                    ledger.add(file, done.result())
                    row = 0
                except DataError as fault:
                    self.say(str(fault))
                    faults.append(fault)
                    row = 0 if isinstance(fault, Refused) else row + 1
                if row >= IN_A_ROW:
                    raise DataError(
                        f"{row} files in a row did not come, the last one {faults[-1]}; "
                        "run `thb fetch` again later, which goes on from here"
                    )
        return faults

    def _bring_one(self, file: HubFile, tick: Report) -> str:
        part, target = self._part(file), self.paths.raw / file.path
        try:
            if not (sha256 := self._from_own(file, part, target, tick)):
                download(self.hub, file, part, tick)
                sha256 = place(part, file, target, self.paths.raw)
            return sha256
        except OSError as fault:
            raise DataError(f"{file.path}: {fault.strerror or fault}") from fault

    def _from_own(self, file: HubFile, part: Path, target: Path, tick: Report) -> str:
        """Take the file from the user's copy and give its SHA-256; '' where it must come from the Hub."""
        own = self._mine(file)
        sha256, fits = verify(own, file) if own else ("", False)
        if fits and not own_copy.leads_out(self.own, file):
            take_over(own, part)
            settle(part, target, self.paths.raw)
            tick(file.bytes)
            return sha256
        if file.local:
            why = f"is not the one of its {own_copy.SUMS}" if not fits else "is a link that leads out of it"
            raise Refused(f"{file.path}: the file in your own copy {why}, and the Hub cannot give it")
        if own:
            self.say(f"{file.path}: your own copy of it is another one than the Hub's; fetched instead")
        return ""

    def _mine(self, file: HubFile) -> Path | None:
        """The user's own file of this name and size."""
        own = self.own / file.path if self.own else None
        return own if own and own.is_file() and size(own) == file.bytes else None

    def _part(self, file: HubFile) -> Path:
        """Where the file grows; named after its content too, so that no other revision's is gone on from."""
        return self.paths.fetching / "parts" / f"{file.path}.{listed(file)[:12]}"


def _is_plain(path: Path) -> bool:
    """Whether a file itself lies there: what a link shows could change behind our back."""
    return path.is_file() and not path.is_symlink()


def _refuse_rendered(paths: Paths) -> None:
    """Rendered clips beside published ones would be taken for the same corpus."""
    revisions = {row["revision"] for row in read_rows(paths.manifest, MANIFEST_COLUMNS)}
    if rendered := sorted(r for r in revisions if r.startswith(RENDERED)):
        raise DataError(f"{paths.raw} holds the rendered corpus ({rendered[0]}); move it away before fetching another")


def _summary(faults: list[DataError], wanted: int) -> str:
    more = f"; and {len(faults) - NAMED} more, named above" if len(faults) > NAMED else ""
    return (
        f"{len(faults)} of {wanted} files did not come: {'; '.join(map(str, faults[:NAMED]))}{more}; "
        "run `thb fetch` again to fetch just these"
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
