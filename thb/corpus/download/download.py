"""One file from the Hub: a partial download is resumed, and nothing unverified gets its final name.

The library's own `hf_hub_download` (2.4) deletes what it has of a file when it is interrupted, asks the Hub twice for
each file, and sleeps for as long as a server says, even after Ctrl-C; its `http_get` sleeps likewise and keeps 10 MB
back before it writes, more than a clip has. So the bytes are asked for here, through the library's session.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import httpx2
from huggingface_hub import hf_raise_for_status

from thb.core.errors import DataError
from thb.core.tables import disk_errors
from thb.corpus.download.hub import Hub, HubFile, Stopped, Unreachable
from thb.corpus.download.retry import Short, persist

PARTIAL, UNSATISFIABLE = 206, 416  # statuses of answers to a request with a range


class Refused(DataError):
    """A file whose content is not what the Hub says."""


def download(hub: Hub, file: HubFile, part: Path) -> None:
    """Fill `part` with the file, from where it stands; raises DataError once retries do not help."""
    part.parent.mkdir(parents=True, exist_ok=True)
    settings = hub.settings

    def progress() -> int:
        return min(size(part), file.bytes)  # what comes too long makes none

    try:
        persist(lambda: _resume(hub, file, part), settings.retries, settings.pause, hub.pause, progress)
    except (httpx2.HTTPError, Short, Unreachable) as fault:
        raise DataError(f"{file.path}: {hub.why(fault)}") from None


def _resume(hub: Hub, file: HubFile, part: Path) -> None:
    """One request: append what the Hub sends; raises Short unless the part is then as long as the file."""
    have = size(part) if size(part) <= file.bytes else 0
    if have == file.bytes:
        part.touch()
        return
    with hub.open(file.path, have) as answer:
        if answer.status_code == UNSATISFIABLE:
            part.unlink()
            raise Short(f"the Hub has less of it than the {have} bytes already here")
        hf_raise_for_status(answer)
        resumed = answer.status_code == PARTIAL and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with disk_errors(part), part.open("ab" if resumed else "wb") as out:
            for chunk in answer.iter_bytes():
                if hub.stop.is_set():
                    raise Stopped
                out.write(chunk)
                if out.tell() > file.bytes:  # enough to see that it is another file
                    break
    if size(part) != file.bytes:
        raise Short(f"the Hub sent {size(part)} bytes where it lists {file.bytes}")


def settle(part: Path, target: Path, raw: Path) -> None:
    """Rename a whole file into data/raw; raises DataError if a link in there leads elsewhere."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(raw.resolve()):
            raise DataError(f"{target.relative_to(raw).parent} is a link that leads out of data/raw; remove it")
        part.replace(target)


def set_aside(file: Path, target: Path, raw: Path) -> str:
    """Move a file to where no stage looks, under the name it would have had; returns the words that say where."""
    aside = raw / ".refused" / target.relative_to(raw)
    with disk_errors(aside):
        aside.parent.mkdir(parents=True, exist_ok=True)
        file.replace(aside)
    return f"set aside in data/raw/.refused/{target.relative_to(raw).as_posix()}"


def verify(path: Path, file: HubFile) -> tuple[str, bool]:
    """SHA-256 of a file on disk, and whether it is the file that the Hub lists (or no hash of it is known)."""
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        if file.sha256 or not file.blob:
            return sha256, file.sha256 in ("", sha256)
        content.seek(0)
        start = hashlib.sha1(b"blob %d\0" % size(path), usedforsecurity=False)
        return sha256, hashlib.file_digest(content, lambda: start).hexdigest() == file.blob


def take_over(own: Path, part: Path) -> None:
    """The content of a user's file, which stays as it is: a hard link, or a copy where that cannot be."""
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        os.link(own.resolve(), part)
    except OSError:  # another disk, or a file system or owner that allows no hard link
        with disk_errors(part):
            shutil.copyfile(own, part)


def size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
