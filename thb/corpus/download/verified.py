"""What a download remembers from run to run: the Hub's listing, and which files were verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import LOCAL, MANIFEST_COLUMNS, read_rows, write_rows
from thb.corpus.download.hub import Hub, HubFile, checked

SEEN_COLUMNS = ("path", "bytes", "changed", "sha256", "listed")  # changed: nanoseconds; listed: the Hub's hash
LISTING_COLUMNS = ("path", "bytes", "sha256", "blob")


class Ledger:
    """Verified files and how they looked on disk; what is learned is kept and the manifest written, come what may."""

    def __init__(self, paths: Paths, revision: str) -> None:
        self.paths, self.revision, self.path = paths, revision, paths.fetching / "verified.csv"
        self.seen = {row["path"]: row for row in read_rows(self.path, SEEN_COLUMNS)}
        self.held: dict[str, tuple[object, ...]] = {}  # rows of the manifest

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        rows = [[row[column] for column in SEEN_COLUMNS] for _, row in sorted(self.seen.items())]
        write_rows(rows, self.path, SEEN_COLUMNS)
        write_rows([self.held[path] for path in sorted(self.held)], self.paths.manifest, MANIFEST_COLUMNS)

    def knows(self, file: HubFile) -> bool:
        """Whether just this content was verified here before, and the file has not been touched since."""
        row, path = self.seen.get(file.path), self.paths.raw / file.path
        if row is None or not path.is_file() or row["listed"] != listed(file):
            return False
        if row["bytes"] != str(file.bytes) or _look(path) != (row["bytes"], row["changed"]):
            return False
        self._hold(file, row["sha256"])
        return True

    def add(self, file: HubFile, sha256: str) -> None:
        """Remember a file that lies verified in its place."""
        size, changed = _look(self.paths.raw / file.path)
        self.seen[file.path] = {
            "path": file.path,
            "bytes": size,
            "changed": changed,
            "sha256": sha256,
            "listed": listed(file),
        }
        self._hold(file, sha256)

    def _hold(self, file: HubFile, sha256: str) -> None:
        self.held[file.path] = (file.path, file.bytes, sha256, LOCAL if file.local else self.revision)


def listed(file: HubFile) -> str:
    """The hash by which the file is known, '' where nothing vouches for it."""
    return file.sha256 or file.blob


def kept_listing(paths: Paths, hub: Hub) -> list[HubFile]:
    """This Hub's listing of a commit, which cannot change, as an earlier run wrote it down; [] if none did."""
    file = _listing_file(paths, hub)
    try:
        return checked(
            HubFile(row["path"], int(row["bytes"]), row["sha256"], row["blob"])
            for row in read_rows(file, LISTING_COLUMNS)
        )
    except ValueError as fault:
        raise DataError(f"{file.name} is damaged ({fault}); remove it") from None


def keep_listing(paths: Paths, hub: Hub, files: list[HubFile]) -> None:
    write_rows(
        [(file.path, file.bytes, file.sha256, file.blob) for file in files], _listing_file(paths, hub), LISTING_COLUMNS
    )


def _listing_file(paths: Paths, hub: Hub) -> Path:
    """By its endpoint and dataset too: what one server lists says nothing of another's."""
    return paths.fetching / f"{hub.revision}-{hashlib.sha256(hub.identity.encode()).hexdigest()[:12]}.csv"


def _look(path: Path) -> tuple[str, str]:
    now = path.stat()
    return str(now.st_size), str(now.st_mtime_ns)
