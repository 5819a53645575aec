"""Answers to 'does this lie above that' on a page: words in a mark that holds the answers they rest on."""

from __future__ import annotations

import html
from collections.abc import Iterable

from markupsafe import Markup

from thb.cells.answers import (  # noqa: F401  (whoever shows answers finds them here)
    FAILS,
    HOLDS,
    INCONCLUSIVE,
    VERDICTS,
    Told,
    Verdicts,
    by_machine,
    pooled,
)


def mark(words: str, told: Iterable[Told]) -> Markup:
    """HTML: words that rest on answers, which stand in the mark for whoever reads by machine; `words` are HTML."""
    return mark_of(words, by_machine(told))


def mark_of(words: str, answers: str) -> Markup:
    """The same of answers as `by_machine` writes them."""
    return Markup(f'<span class="thb-told" data-told="{html.escape(answers)}">{words}</span>')


def badge(name: str, verdict: str, rests_on: str = "[]") -> Markup:
    """HTML: 'here ✔ holds' in the verdict's colour; `rests_on` are the answers behind it, as `by_machine` has them."""
    sign, css = {HOLDS: ("✔", "holds"), FAILS: ("✘", "fails"), INCONCLUSIVE: ("?", "open")}.get(
        verdict, ("·", "unknown")
    )
    told = mark_of(f"{sign} {html.escape(verdict)}", rests_on)
    return Markup(f'<span class="thb-badge {css}">{html.escape(name)} {told}</span>')
