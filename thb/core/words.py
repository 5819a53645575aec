"""Words and numbers as pages show them, safe in HTML and in Markdown."""

from __future__ import annotations

import html
import re

from markupsafe import Markup

from thb.core.errors import printable
from thb.core.params import Params

# What HTML, Markdown or MyST take for more than a letter: anywhere, at the edge of a word, at the start of a line.
_MARKS = re.compile(r"[&<>\"'`*~$#|\\{}\[\]]|(?<![^\W_])_|_(?![^\W_])|^[-+%:=(]|^\d{1,9}[.)](?=\s|$)")
_SPACES = re.compile(r"[ \t\r\n]+")  # the typographic ones stay


def text(value: object) -> str:
    """Words shown as they are typed, in HTML (attributes too) and in Markdown alike: one line, and nothing but words.

    What could be taken for markup is written as character references, which neither language reads as markup.
    """
    return _MARKS.sub(_referred, printable(_SPACES.sub(" ", str(value)).strip(" ")))


def _referred(mark: re.Match) -> str:
    return "".join(c if c.isalnum() else html.escape(c) if c in "&<>\"'" else f"&#{ord(c)};" for c in mark[0])


def words(value: object) -> Markup:
    """What a page shows of a value: HTML stays (`Markup`), anything else is taken for words."""
    return value if isinstance(value, Markup) else Markup(text(value))


def breakable(label: object) -> Markup:
    """A name that may break between its words (AniPortrait|Audio) but not at its hyphen."""
    if isinstance(label, Markup):
        return label
    return Markup(re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", text(label).replace("-", "\u2011")))


def clip(name: str) -> Markup:
    """A clip's id, which may break between its parts: a phone has no room for the whole."""
    broken = re.sub(r"(--|/)(?=.)", r"\1<wbr>", text(name))
    return Markup(f'<span class="wrap">{broken}</span>')


def corpus_line(params: Params) -> str:
    """Which clips the numbers come from, in a line that goes wherever the numbers go."""
    if params.active.corpus == "mini":
        return f"Rendered clips, profile {params.profile}: not comparable with the paper's numbers."
    return f"Published clips, revision {params.active.revision}, profile {params.profile}."
