"""curate: a page that plays the clips of a folder, takes a verdict about each, and keeps it in a CSV as it comes."""

from __future__ import annotations

import errno
import getpass
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tqdm import tqdm

from thb.core import origin
from thb.core.errors import DataError, ParamsError, printable
from thb.core.folders import alone
from thb.core.tables import disk_errors
from thb.curate.ratings import REMOVE, Sheet, some
from thb.curate.server import LOOPBACK, Server, stays_below
from thb.detect import own_videos


def run(folder: Path, rater: str, file: Path, port: int, opens: bool) -> None:
    """Serve the page until it is interrupted (Ctrl-C), then say how far the rater came.

    Raises ParamsError for a folder, name or port that cannot be used, DataError for a folder without clips, a file of
    answers that is malformed or in use, DiskError for one that cannot be written.
    """
    rater = rater.strip() or _login_name()
    if printable(rater) != rater:
        raise ParamsError(f"--rater {rater!r} holds letters that cannot be seen")
    if os.path.isdir(file):
        raise ParamsError(f"--out {file} is a folder; name a file in it")
    clips = listed(folder)
    with _to_ourselves(file):
        sheet = Sheet(file, rater)
        _set_aside(folder, clips, sheet)
        with _served(folder, clips, sheet, port) as server:
            _until_interrupted(server, opens)
        print(_summary(clips, sheet))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in a container that knows its user by number alone
        raise ParamsError("this user has no name here; give one by --rater") from None


def listed(folder: Path) -> list[str]:
    """The clips below a folder, by their paths in it, in order; what is left out is said.

    Raises ParamsError if it is no folder, DataError if no clip is in it.
    """
    if not folder.is_dir():
        raise ParamsError(f"{printable(folder)} is {'a file' if folder.exists() else 'not there'}; name a folder")
    clips = []
    for path in own_videos.listed([folder], _say):
        name = path.relative_to(folder).as_posix()
        if not stays_below(folder, path):
            _say(path, "a link that leads out of the folder; left out")
        elif not path.is_file() or not os.access(path, os.R_OK):
            _say(path, "no regular file that can be read; left out")
        elif printable(name) != name:  # nor could every program read it from a CSV
            _say(path, "a name with letters that cannot be seen; left out: rename it")
        else:
            clips.append(name)
    if not clips:
        raise DataError(f"{printable(folder)}: no clip to judge")
    return clips


@contextmanager
def _to_ourselves(file: Path) -> Iterator[None]:
    """While the block runs, no other process writes the file."""
    lock = file.with_name(f".{file.name}.lock")
    with ExitStack() as held:
        with disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            mine = held.enter_context(alone(lock, file.name))
            while not (lock.exists() and os.path.samestat(os.fstat(mine), lock.stat())):  # whose it was has removed it
                mine = held.enter_context(alone(lock, file.name))
        yield
        lock.unlink()


def _say(path: Path, why: str) -> None:
    print(f"{printable(path)}: {why}", file=sys.stderr)


def _set_aside(folder: Path, clips: list[str], sheet: Sheet) -> None:
    """Say which clips the rater judged are gone, and ask again about those that hold other bytes now."""
    judged = sheet.answers
    if gone := sorted(judged.keys() - set(clips)):
        _say(sheet.file, f"no longer in the folder, and their answers stay: {some(gone)}")
    here = tqdm([clip for clip in clips if clip in judged], desc="same clips?", unit="clip", disable=None)
    sheet.outdated = {clip for clip in here if origin.sha256(folder / clip) != judged[clip].sha256}
    if sheet.outdated:
        _say(sheet.file, f"changed since they were judged, and asked about again: {some(sorted(sheet.outdated))}")


def _served(folder: Path, clips: list[str], sheet: Sheet, port: int) -> Server:
    try:
        return Server(folder, clips, sheet, port)
    except OSError as fault:
        if fault.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = os.strerror(fault.errno).lower()
        raise ParamsError(f"--port {port}: {why}; leave it out for any that is free on {LOOPBACK}") from None


def _until_interrupted(server: Server, opens: bool) -> None:
    print(f"{server.url}\n{len(server.clips)} clips, answers in {server.sheet.file}; Ctrl-C ends", flush=True)
    if opens:
        threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()  # one of text would hold us up
    # KeyboardInterrupt would be lost where Python raises it in a destructor: the server is told to end instead
    before = signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    try:
        server.serve_forever()
    finally:
        signal.signal(signal.SIGINT, before)


def _summary(clips: list[str], sheet: Sheet) -> str:
    own = [one for clip, one in sheet.answers.items() if clip in clips]
    removed = sum(one.verdict == REMOVE for one in own)
    left = len(clips) - len(own)
    on = f"; {left} left: the same command goes on" if left else ""
    return (
        f"{sheet.rater}: {len(own)} of {len(clips)} clips judged, {removed} of them to be removed -> {sheet.file}{on}"
    )
