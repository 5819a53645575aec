"""Opening and reading media files of unknown health, in a way that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from thb.core.errors import DataError

# What a broken file can make the libraries raise; anything else is a fault of ours and must be seen.
DAMAGE = (FFmpegError, OSError, ValueError, OverflowError, MemoryError)


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """An input container; a file that is none gets one line, without its path."""
    try:
        about = path.stat()
        if not S_ISREG(about.st_mode):  # opening a pipe would wait for whoever writes to it
            raise DataError("no regular file")
        if about.st_size == 0:
            raise DataError("empty file")
        container = av.open(str(path))
    except DAMAGE as e:
        raise DataError(f"not a readable media file: {plain(e)}") from e
    with container:
        yield container


def packets(container: InputContainer, stream: Stream) -> Iterator[av.Packet]:
    """Packets until the file's end, or until the first place from which it cannot be read on."""
    remaining = container.demux(stream)
    while True:
        try:
            packet = next(remaining)
        except (StopIteration, FFmpegError):
            return
        yield packet


def plain(error: BaseException) -> str:
    """An error's own words in lower case, on one line."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.split()).lower()
