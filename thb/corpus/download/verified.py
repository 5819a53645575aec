"""What a download remembers from run to run: the Hub's listing, and which files were verified."""

from __future__ import annotations

import hashlib
from pathlib import Path

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import LOCAL, MANIFEST_COLUMNS, read_rows, write_rows
from thb.corpus.download.hub import Hub, HubFile, checked

SEEN_COLUMNS = ("path", "bytes", "changed", "sha256", "listed")  # changed: nanoseconds; listed: the Hub's hash
LISTING_COLUMNS = ("path", "bytes", "sha256", "blob")


class Verified:
    """Verified files and how they looked on disk, over all runs; and the manifest's rows of this run."""

    def __init__(self, paths: Paths, revision: str) -> None:
        self.paths, self.revision, self.path = paths, revision, paths.fetching / "verified.csv"
        self.seen = {row["path"]: tuple(row.values()) for row in read_rows(self.path, SEEN_COLUMNS)}
        self.held: dict[str, tuple[str, int, str, str]] = {}

    def knows(self, file: HubFile) -> bool:
        """Whether this very content was verified here before, and the file has not been touched since."""
        row = self.seen.get(file.path)
        if row is None or row[1] != str(file.bytes) or row != self._row(file, row[3]):
            return False
        self.add(file, row[3])
        return True

    def add(self, file: HubFile, sha256: str) -> None:
        """Remember a file that lies verified in its place."""
        self.seen[file.path] = self._row(file, sha256)
        self.held[file.path] = (file.path, file.bytes, sha256, LOCAL if file.local else self.revision)

    def write(self) -> None:
        """Keep what is known, and write the manifest."""
        write_rows(sorted(self.seen.values()), self.path, SEEN_COLUMNS)
        write_rows(sorted(self.held.values()), self.paths.manifest, MANIFEST_COLUMNS)

    def _row(self, file: HubFile, sha256: str) -> tuple[str, ...]:
        """SEEN_COLUMNS of a file as it lies in its place."""
        now = (self.paths.raw / file.path).stat()
        return file.path, str(now.st_size), str(now.st_mtime_ns), sha256, file.listed


def listing_file(paths: Paths, hub: Hub) -> Path:
    """Where the listing of a commit is kept; by endpoint and dataset too, as another server may list other files."""
    who = hashlib.sha256(f"{hub.api.endpoint} {hub.settings.repo} {hub.revision}".encode()).hexdigest()[:12]
    return paths.fetching / f"{hub.revision}-{who}.csv"


def kept_listing(file: Path) -> list[HubFile]:
    """The listing as an earlier run wrote it down; [] if none did. Raises DataError if it is damaged."""
    try:
        return checked(
            HubFile(row["path"], int(row["bytes"]), row["sha256"], row["blob"])
            for row in read_rows(file, LISTING_COLUMNS)
        )
    except ValueError as fault:
        raise DataError(f"{file.name} is damaged ({fault}); remove it") from None


def keep_listing(file: Path, files: list[HubFile]) -> None:
    write_rows([(f.path, f.bytes, f.sha256, f.blob) for f in files], file, LISTING_COLUMNS)
