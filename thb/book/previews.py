"""What previews of links show: the first words behind every section, exhibit, term and reference, in one file.

It is a script, since a page opened as a file may not read its neighbours; book/_static/preview.js loads it when a
preview is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes

FILE = "previews.js"
LONGEST = 320  # characters of a preview


def of_page(doctree: nodes.document, docname: str, picture: str = "") -> dict[str, dict[str, str]]:
    """`page` and `page#place` -> title, words and, of the page itself, the picture that it is given; without markup."""
    found = {}
    for place, title, body in _places(doctree):
        shown = {"title": _text(title), "words": _cut(_text(body)) if body else ""}
        if docname not in found:
            found[docname] = shown | ({"picture": picture} if picture else {})
        found |= {f"{docname}#{name}": found[docname] if title is _first(doctree) else shown for name in place["ids"]}
    return found


def _first(doctree: nodes.document) -> nodes.Node | None:
    return next(iter(doctree.findall(nodes.title)), None)


def _places(doctree: nodes.document) -> Iterator[tuple[nodes.Element, nodes.Element, nodes.Element | None]]:
    """What links lead to, what it is called, and its first paragraph; the page's own section first."""
    for section in doctree.findall(nodes.section):
        if isinstance(title := section.next_node(nodes.title), nodes.title):
            prose = (one for one in section.findall(nodes.paragraph) if not isinstance(one.parent, nodes.entry))
            yield section, title, next(filter(_text, prose), None)
    for term in doctree.findall(nodes.term):
        if isinstance(definition := term.next_node(nodes.definition, siblings=True, descend=False), nodes.definition):
            yield term, term, definition
    for work in doctree.findall(nodes.citation):
        if isinstance(title := work.next_node(nodes.label), nodes.label):
            yield work, title, work.next_node(nodes.paragraph)


def _text(node: nodes.Node) -> str:
    """The words of a node, without the HTML that stands between some."""
    words = (text.astext() for text in node.findall(nodes.Text) if not isinstance(text.parent, nodes.raw))
    return " ".join("".join(words).split())


def _cut(words: str) -> str:
    """At most LONGEST characters, to the end of a word."""
    return words if len(words) <= LONGEST else words[:LONGEST].rsplit(" ", 1)[0] + " …"


def write(known: dict[str, Any], folder: Path) -> None:
    """The file, the same whatever the order in which pages were built."""
    said = json.dumps(known, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (folder / FILE).write_text(f"globalThis.PREVIEWS = {said};\n", encoding="utf-8")
