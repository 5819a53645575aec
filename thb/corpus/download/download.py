"""One file from the Hub: what is there is gone on from, and nothing unverified gets its name.

The library's own `hf_hub_download` (2.4) throws away what it has of a file when it is interrupted, and `http_get`
keeps 10 MB back before it writes, more than a clip has. So the bytes are asked for here, by the library's session.
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
from thb.corpus.download.hub import Hub, HubFile, Unreachable
from thb.corpus.download.retry import Short, persist
from thb.corpus.download.threads import Report

BLOCK = 1 << 20
UNSATISFIABLE, PARTIAL = 416, 206  # answers to a request that goes on from somewhere


class Refused(DataError):
    """A file whose content is not what the Hub says."""


def download(hub: Hub, file: HubFile, part: Path, report: Report) -> None:
    """Fill `part` with the file, from where it stands; passing faults are waited for, others raise DataError."""
    part.parent.mkdir(parents=True, exist_ok=True)
    settings = hub.settings
    try:
        persist(
            lambda: _go_on(hub, file, part, report),
            settings.retries,
            hub.pause,
            settings.pause,
            lambda: min(size(part), file.bytes),
        )  # what comes too long does not get further
    except (httpx2.HTTPError, Short) as fault:
        raise DataError(f"{file.path}: {hub.why(fault)}") from None
    except Unreachable as fault:
        raise DataError(f"{file.path}: {fault}") from None


def place(part: Path, file: HubFile, target: Path, raw: Path) -> str:
    """Give verified content its name and return its SHA-256; any other is set aside and refused."""
    found, fits = verify(part, file)
    if not fits:
        where = set_aside(part, target, raw)
        raise Refused(f"{file.path}: hash {found[:12]}… is not the one that the Hub lists; {where}")
    settle(part, target, raw)
    return found


def settle(part: Path, target: Path, raw: Path) -> None:
    """Rename a whole file into data/raw, unless a link in there leads elsewhere."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(raw.resolve()):
            raise DataError(f"{target.relative_to(raw).parent} is a link that leads out of data/raw; remove it")
        part.replace(target)


def set_aside(file: Path, target: Path, raw: Path) -> str:
    """Move a file to where no stage looks, under the name it would have had; says where."""
    aside = raw / ".refused" / target.relative_to(raw)
    with disk_errors(aside):
        aside.parent.mkdir(parents=True, exist_ok=True)
        file.replace(aside)
    return f"set aside in data/raw/.refused/{target.relative_to(raw).as_posix()}"


def verify(path: Path, file: HubFile) -> tuple[str, bool]:
    """SHA-256 of a file on disk, and whether it is the file that the Hub lists (or none is known of it)."""
    sha, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size(path), usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            sha.update(block)
            if not file.sha256:
                git.update(block)
    wanted, found = (file.sha256, sha) if file.sha256 else (file.blob, git)
    return sha.hexdigest(), wanted in ("", found.hexdigest())


def take_over(own: Path, part: Path) -> None:
    """The content of a user's file, which stays as it is: a second name for it, or a copy where that cannot be."""
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        os.link(own.resolve(), part)
    except OSError:  # another disk, or a file system or owner that allows no second name
        with disk_errors(part):
            shutil.copyfile(own, part)


def size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


def _go_on(hub: Hub, file: HubFile, part: Path, report: Report) -> None:
    """One request: append what the Hub sends, until the part is as long as the file should be."""
    have = _usable(part, file, report)
    if have == file.bytes:
        part.touch()
        return
    with hub.open(file.path, have) as answer:
        if answer.status_code == UNSATISFIABLE:
            _drop(part, report)
            raise Short(f"the Hub has less of it than the {have} bytes already here")
        hf_raise_for_status(answer)
        if have and not _goes_on(answer, have):
            _drop(part, report)
        _append(answer, file, part, report)
    if size(part) != file.bytes:
        raise Short(f"the Hub sent {size(part)} bytes where it lists {file.bytes}")


def _append(answer: httpx2.Response, file: HubFile, part: Path, report: Report) -> None:
    with disk_errors(part), part.open("ab") as out:
        for chunk in answer.iter_bytes():
            out.write(chunk)
            report(len(chunk))
            if out.tell() > file.bytes:  # enough to see that it is another file
                return


def _usable(part: Path, file: HubFile, report: Report) -> int:
    """How much of the part can be gone on from: none of one that is too long."""
    if size(part) > file.bytes:
        _drop(part, report)
    return size(part)


def _drop(part: Path, report: Report) -> None:
    report(-size(part))
    part.unlink(missing_ok=True)


def _goes_on(answer: httpx2.Response, start: int) -> bool:
    """Whether the server did go on where it was asked to, rather than begin anew."""
    return answer.status_code == PARTIAL and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
