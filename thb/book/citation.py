"""How to cite the paper and this package, read from paper/references.bib and CITATION.cff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting import unsrt
from pybtex.style.labels import BaseLabelStyle

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.words import text


class Labels(BaseLabelStyle):
    """The labels of the text: 'Xiong et al., 2025'."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        for entry in sorted_entries:
            persons, fields = entry.persons or {}, entry.fields or {}
            last = [" ".join(map(str, person.last_names)) for person in persons["author"]]
            names = " and ".join(last) if len(last) < 3 else f"{last[0]} et al."
            yield f"{names}, {fields['year']}"


class AuthorYear(unsrt.Style):
    """The bibliography in the order of its authors, under those labels."""

    default_sorting_style = "author_year_title"
    default_label_style = Labels


register_plugin("pybtex.style.formatting", "author_year", AuthorYear)
PAPER = "xiong2025"  # the key of TalkingHeadBench in references.bib


def paper(paths: Paths) -> str:
    """The BibTeX entry of the paper, as references.bib has it."""
    found = re.search(rf"^@\w+\{{{PAPER},.*?^\}}", paths.references.read_text(encoding="utf-8"), re.S | re.M)
    if found is None:
        raise DataError(f"{paths.relative(paths.references)} has no entry {PAPER}")
    return found.group(0)


def package(paths: Paths) -> str:
    """The BibTeX entry of this package, from what CITATION.cff says."""
    known = facts(paths)
    fields = {
        "author": f"{{{known['authors'][0]['name']}}}",
        "title": f"{{{known['title']}}}",
        "version": known["version"],
        "note": f"{known['license']} licence; reproduces {known['preferred-citation']['url']}",
    }
    lines = [f"  {key:<7} = {{{value}}}," for key, value in fields.items()]
    return "\n".join(["@software{thb,", *lines, "}"])


def line(paths: Paths, page: str) -> str:
    """HTML for the foot of every page; `page` is the link to the page that tells more."""
    known = facts(paths)
    origin = known["preferred-citation"]
    first = origin["authors"][0]["family-names"]
    return (
        f'<p class="thb-cite">Cite as: {text(first)} et al., <cite>{text(origin["title"])}</cite>, '
        f"{_link(origin['url'])} ({text(origin['year'])}); "
        f'recomputed with thb {text(known["version"])} (<a href="{text(page)}">BibTeX</a>).</p>'
    )


def _link(url: str) -> str:
    """A link to a page of the web, and to nothing else, shown as arXiv:number or the address."""
    shown = text(re.sub(r"^https?://arxiv\.org/abs/", "arXiv:", url))
    return f'<a href="{text(url)}">{shown}</a>' if re.match("https?://", url) else shown


def facts(paths: Paths) -> dict[str, Any]:
    """What CITATION.cff says."""
    return yaml.safe_load(paths.citation.read_text(encoding="utf-8"))
