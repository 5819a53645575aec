"""The errors a user may meet, each one line that names the bad value and lists the good ones.

ThbError                 exit 2: the command line prints the message and stops
├── ParamsError          params.yaml: unknown key, wrong type, name that does not exist
├── DataError            clips, splits or scores that are missing, broken or do not fit together
│   └── CoverageError    more clips failed than the stated share allows
├── ProtocolError        what must be disjoint overlaps; a test clip was seen in training
└── DiskError            no space left, or no permission to write
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class ThbError(Exception):
    """Base of every error that is the user's business; its text is one line."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook: the line, not the stack."""
        return [f"{type(self).__name__}: {self}"]


class ParamsError(ThbError):
    """A value in params.yaml or on the command line is not one we know."""


class DataError(ThbError):
    """A file that a stage reads is absent, broken or inconsistent."""


class CoverageError(DataError):
    """More clips failed than `max_failed_share` allows."""


class ProtocolError(ThbError):
    """A protocol's promise (disjoint sets, unseen clips) does not hold."""


class DiskError(ThbError):
    """The disk is full or refuses to be written."""


def unknown(kind: str, value: object, known: Iterable[object]) -> str:
    """One line: what was not recognised, and what would have been."""
    return f"unknown {kind} {str(value)!r}; known: {', '.join(map(str, known))}"


def check_known(kind: str, names: Iterable[object], known: Collection[object]) -> None:
    """ParamsError for the first of the names that is not known."""
    for name in names:
        if name not in known:
            raise ParamsError(unknown(kind, name, known))


def entry(kind: str, name: str, known: Mapping[str, Entry]) -> Entry:
    """The entry of this name; ParamsError, which lists the known names, if there is none."""
    check_known(kind, [name], known)
    return known[name]


HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # categories: controls, marks of direction, half pairs, line ends …
_JOINERS = "\u200c\u200d\u00ad"  # … but not these, which some scripts cannot be written without


def printable(words: object) -> str:
    """One line in which everything is visible: line ends, controls and marks of direction as escapes (\\n, \\x1b)."""
    return "".join(
        c if c in _JOINERS or unicodedata.category(c) not in HIDDEN else c.encode("unicode_escape").decode()
        for c in str(words)
    )
