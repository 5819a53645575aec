"""The published data in data/raw: what is here and sound stays, the rest is taken over or downloaded, and verified."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from thb.core.errors import DataError, DiskError, ParamsError
from thb.core.folders import LOCK, alone
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import MANIFEST_COLUMNS, RENDERED, disk_errors, read_rows
from thb.corpus.download import own_copy
from thb.corpus.download.download import Refused, download, set_aside, settle, size, take_over, verify
from thb.corpus.download.hub import Hub, HubFile, Unreachable, say
from thb.corpus.download.verified import Verified, keep_listing, kept_listing, listing_file
from thb.corpus.real_lists import OFFICIAL_LIST, REAL_LISTS

SOUND = "audio"  # the folder of the release's sound
NAMED = 3  # faults that the last line names; each has a line of its own above
IN_A_ROW = 8  # files that fail one after the other before the rest is not tried
HURRIED = 1  # retries for the listing where the user's own copy stands in for it


class Release:
    """One run of fetch: the Hub's listing, the user's own copy, and what data/raw holds of them."""

    def __init__(self, paths: Paths, params: Params) -> None:
        revisions = {row["revision"] for row in read_rows(paths.manifest, MANIFEST_COLUMNS)}
        if rendered := sorted(r for r in revisions if r.startswith(RENDERED)):
            raise DataError(
                f"{paths.raw} holds the rendered corpus ({rendered[0]}); move it away before fetching another"
            )
        self.paths, self.params, self.raw = paths, params, paths.raw
        self.hub = Hub(params.fetch, params.active.revision)
        self.own = own_copy.folder(params)
        if self.own and paths.raw.resolve().is_relative_to(self.own):
            raise ParamsError(f"your own copy of the release, {str(self.own)!r}, holds data/raw; it must lie elsewhere")

    def fetch(self, again: bool) -> None:
        """Bring data/raw to what the release holds for the sources of params.yaml; `again` rehashes what is here.

        Raises DataError if a file did not come; the others are here all the same.
        """
        files = self._listing()
        with disk_errors(self.paths.fetching):
            self.paths.fetching.mkdir(parents=True, exist_ok=True)
        with alone(self.paths.fetching / LOCK, "data/raw"):
            verified = Verified(self.paths, self.hub.revision)
            try:
                todo = [file for file in files if again or not (self._is_here(file) and verified.knows(file))]
                self._refuse_too_much(todo)
                came, faults = self._bring_all(sorted(todo, key=self._is_here, reverse=True), verified)
                self._remove_strays(files)
            finally:
                verified.write()
        if faults:
            more = f"; and {len(faults) - NAMED} more, named above" if len(faults) > NAMED else ""
            raise DataError(
                f"{len(faults)} of {len(todo)} files did not come: {'; '.join(map(str, faults[:NAMED]))}{more}; "
                "run `thb fetch` again to fetch just these"
            )
        shutil.rmtree(self.paths.fetching / "parts", ignore_errors=True)
        held = tqdm.format_sizeof(sum(file.bytes for file in files), "B")
        say(f"{len(files):,} files, {held}: {came:,} came now, {len(files) - came:,} were here")

    # ---- what there should be

    def _listing(self) -> list[HubFile]:
        """The files that stages read: as the Hub lists them, else as far as the user's own copy has them."""
        mine = own_copy.listing(self.own, self._is_wanted) if self.own else []
        kept = listing_file(self.paths, self.hub)
        try:
            if not (whole := kept_listing(kept)):
                whole = self.hub.listing(HURRIED if mine else self.params.fetch.retries)
                keep_listing(kept, whole)
        except Unreachable as fault:
            if not mine:
                raise
            summed = sum(bool(file.sha256) for file in mine)
            say(
                f"{fault}; of {len(mine)} files in your own copy {summed} are checked against its {own_copy.SUMS}, "
                f"{len(mine) - summed} against nothing"
            )
            return mine
        newest = self.hub.newest()
        if newest and newest != self.hub.revision:
            say(f"{self.hub.name} has moved on to {newest}; taken is {self.hub.revision}, as params.yaml says")
        files = [file for file in whole if self._is_wanted(file.path)]
        if not files:
            raise DataError(f"revision {self.hub.revision} holds none of the folders under `sources` in params.yaml")
        return files + self._only_mine(mine, files)

    def _only_mine(self, mine: list[HubFile], files: list[HubFile]) -> list[HubFile]:
        """Real videos of the user's copy, which the Hub does not have; other files that it lacks are left out."""
        known = {file.path for file in files}
        reals = tuple(f"{folder}/" for folder in self._folders("real", "swap"))
        extra = [file for file in mine if file.path not in known]
        if odd := [file.path for file in extra if not file.path.startswith(reals)]:
            say(f"{_some(odd)} of your own copy left out: the release has no such file")
        return [file for file in extra if file.path.startswith(reals)]

    def _is_wanted(self, path: str) -> bool:
        """Whether a path of the release is a clip of a source of params.yaml, a sound or a list of real clips."""
        folders = [SOUND, *(source.folder for source in self.params.sources.values())]
        return path in (*REAL_LISTS, OFFICIAL_LIST) or any(path.startswith(f"{folder}/") for folder in folders)

    def _folders(self, *roles: str) -> list[str]:
        return [self.params.source(name).folder for name in self.params.of_role(*roles)]

    # ---- what there is, and what must come

    def _remove_strays(self, files: list[HubFile]) -> None:
        """Set aside files beside the release's own that it does not have; a folder that it knows nothing of stays."""
        listed = {file.path for file in files if not file.local}
        released = [SOUND, *self._folders("generator", "unseen")]
        known = [folder for folder in released if any(path.startswith(f"{folder}/") for path in listed)]
        there = {file for folder in known for file in (self.raw / folder).rglob("*") if not file.is_dir()}
        odd = sorted(file for file in there if file.relative_to(self.raw).as_posix() not in listed)
        for file in odd:
            set_aside(file, file, self.raw)
        if odd:
            names = [file.relative_to(self.raw).as_posix() for file in odd]
            say(f"{_some(names)} not in the release; set aside in data/raw/.refused")

    def _refuse_too_much(self, todo: list[HubFile]) -> None:
        """A disk that would run full is found before the first byte."""
        device = self.raw.stat().st_dev
        needed, free = 0, shutil.disk_usage(self.raw).free
        for file in todo:
            own = self._mine(file)
            if not self._is_here(file) and not (own and own.stat().st_dev == device):
                needed += max(0, file.bytes - size(self._part(file)))
        if needed > free:
            raise DiskError(
                f"data/raw needs {tqdm.format_sizeof(needed, 'B')} more, and its disk has "
                f"{tqdm.format_sizeof(free, 'B')} free; make room, or work on a larger disk"
            )

    def _bring_all(self, todo: list[HubFile], verified: Verified) -> tuple[int, list[DataError]]:
        """How many files came, and why the others did not; those do not keep the rest from coming.

        Raises DataError if too many fail one after the other.
        """
        came, faults, row, total = 0, [], 0, sum(file.bytes for file in todo)
        with (
            ThreadPoolExecutor(self.params.fetch.workers) as pool,
            tqdm(desc="fetching", total=total, unit="B", unit_scale=True, smoothing=0.1, disable=not todo) as bar,
        ):
            try:
                running = {pool.submit(self._bring, file): file for file in todo}
                for done in as_completed(running):
                    file = running[done]
                    try:
                        sha256, is_new = done.result()
                        verified.add(file, sha256)
                        came, row = came + is_new, 0
                    except DataError as fault:
                        say(str(fault))
                        faults.append(fault)
                        row = 0 if isinstance(fault, Refused) else row + 1
                    bar.update(file.bytes)
                    if row >= IN_A_ROW:
                        raise DataError(
                            f"{row} files in a row did not come, the last one {faults[-1]}; "
                            "run `thb fetch` again later, which goes on from here"
                        )
            except BaseException:  # Ctrl-C too
                self.hub.stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return came, faults

    def _bring(self, file: HubFile) -> tuple[str, bool]:
        """SHA-256 of a file that then lies in its place, and whether it came now: from the user's copy, or the Hub."""
        part, target, own = self._part(file), self.raw / file.path, self._mine(file)
        try:
            if self._is_here(file):
                sha256, fits = verify(target, file)
                if fits:
                    return sha256, False
                say(f"{file.path}: not as listed; {set_aside(target, target, self.raw)}")
            sha256, fits = verify(own, file) if own else ("", False)
            if own and self.own and fits and (file.listed or own.resolve().is_relative_to(self.own)):
                take_over(own, part)
            elif file.local:
                why = "is a link that leads out of it" if fits else f"is not the one of its {own_copy.SUMS}"
                raise Refused(f"{file.path}: the file in your own copy {why}, and the Hub cannot give it")
            else:
                if own:
                    say(f"{file.path}: your own copy of it is another one than the Hub's; fetched instead")
                download(self.hub, file, part)
                sha256, fits = verify(part, file)
                if not fits:
                    where = set_aside(part, target, self.raw)
                    raise Refused(f"{file.path}: hash {sha256[:12]}… is not the one that the Hub lists; {where}")
            settle(part, target, self.raw)
            return sha256, True
        except OSError as fault:
            raise DataError(f"{file.path}: {fault.strerror or fault}") from fault

    def _is_here(self, file: HubFile) -> bool:
        """Whether a file itself lies in its place; what a link shows could change behind our back."""
        return (self.raw / file.path).is_file() and not (self.raw / file.path).is_symlink()

    def _mine(self, file: HubFile) -> Path | None:
        """The user's own file of this name and size."""
        own = self.own / file.path if self.own else None
        return own if own and own.is_file() and size(own) == file.bytes else None

    def _part(self, file: HubFile) -> Path:
        """Where the file grows; named after its content too, so that no other revision's is resumed."""
        return self.paths.fetching / "parts" / f"{file.path}.{file.listed[:12]}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
