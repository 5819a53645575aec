"""Write REVIEWERS.md: the book's page for reviewers with the numbers of the committed results.

python tools/reviewers.py      # after results/ were made anew
"""

from __future__ import annotations

import re
from pathlib import Path

from thb.book import numbers
from thb.core.params import load
from thb.core.paths import Paths
from thb.report.load import Results

ROOT = Path(__file__).resolve().parent.parent
PAGE, OUT = "book/here/reviewers.md", ROOT / "REVIEWERS.md"
HEADER = f"<!-- written by tools/reviewers.py from {PAGE}; change that one -->\n"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def written(paths: Paths) -> str:
    """The page as plain Markdown. Raises DataError where results are missing or made by something else."""
    known = numbers.all_numbers(Results(paths, load(paths.params)))
    page = numbers.filled((ROOT / PAGE).read_text(encoding="utf-8"), known)
    return HEADER + LINK.sub(_linked, page)


def _linked(found: re.Match) -> str:
    """A link to a page of prose leads to its source; an exhibit's page is in the book alone."""
    words, target = found.groups()
    page = ROOT / "book" / "here" / f"{target}.md"
    return f"[{words}](book/here/{target}.md)" if page.is_file() else f"{words} (in the book)"


if __name__ == "__main__":
    OUT.write_text(written(Paths(ROOT)), encoding="utf-8")
    print(OUT.name)
