"""The book's own Sphinx extension: banner, numbers in prose, what stands below every exhibit and every page."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from thb.book import citation, explorer, numbers, page, previews, rows
from thb.book.chain import Tracer
from thb.core.errors import unknown
from thb.core.paths import find_root
from thb.core.words import text
from thb.report.cell import CSS
from thb.report.load import Results, open_results

EXECUTED = "_executed/"
FONT = re.compile(r'<link rel="preload" as="font"[^>]*>\s*')
FILES = ("csv", "svg", "pdf", "png", "ipynb")


def setup(app: Sphinx) -> dict:
    app.add_directive("rows", rows.Rows)
    app.add_directive("when", rows.When)
    app.add_directive("explorer", explorer.Explorer)
    app.connect("config-inited", _configure, priority=100)
    app.connect("source-read", _put_in)
    app.connect("html-page-context", _add_citation)
    app.connect("html-page-context", _escape_title, priority=900)
    known: dict = {}  # what previews of links show, collected page by page
    app.connect("doctree-resolved", partial(_add_previews, known))
    app.connect("build-finished", partial(_write_previews, known))
    app.connect("build-finished", _copy_files)
    app.connect("build-finished", _drop_preloads)
    return {"parallel_read_safe": True, "parallel_write_safe": False}


def _results(app: Sphinx) -> Results:
    return open_results(find_root(Path(app.srcdir)))


def _configure(app: Sphinx, config: Config) -> None:
    """Every page says which corpus its numbers come from."""
    results = _results(app)
    tracer = Tracer(results.paths, results.params, look=False)  # one for all pages: most rest on the same files
    app.connect("doctree-read", partial(_add_footer, tracer), priority=100)
    app.add_css_file("thb-table.css")
    config.html_context.setdefault("default_mode", "auto")  # unsaid, every page logs an error
    config.html_theme_options |= {"announcement": page.banner(results), "secondary_sidebar_items": []}


def _put_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Prose reads {{ name }} from results: names are looked up, once, and nothing is evaluated.

    MyST's own substitutions are templates, which would run what stands in a value.
    """
    if docname.startswith(EXECUTED):
        return
    known = numbers.all_numbers(_results(app))

    def value(found: re.Match) -> str:
        if found[1] in known:
            return known[found[1]].markdown()
        logging.getLogger(__name__).warning(unknown("name in {{ }}", found[1], known), location=docname)
        return ""

    source[0] = numbers.SLOT.sub(value, source[0])


def _add_footer(tracer: Tracer, app: Sphinx, doctree: nodes.document) -> None:
    """Files, rerun command and provenance at the end of an exhibit's page."""
    docname = app.env.docname
    if not docname.startswith(EXECUTED):
        return
    html = page.footer(tracer, docname.removeprefix(EXECUTED))
    next(doctree.findall(nodes.section)).append(nodes.raw("", html, format="html"))


def _add_previews(known: dict, app: Sphinx, doctree: nodes.document, docname: str) -> None:
    known |= previews.of_page(doctree, docname, f"{docname}.png" if docname.startswith(EXECUTED) else "")


def _write_previews(known: dict, app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        previews.write(known, Path(app.outdir) / "_static")


def _add_citation(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """How to cite, at the foot of every page."""
    context["theme_extra_footer"] = citation.line(_results(app).paths, context["pathto"]("here/cite"))


def _escape_title(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """The theme prints a page's title above it as it stands, as if it were HTML."""
    if "pagetitle" in context:
        context["pagetitle"] = text(context["pagetitle"])


def _copy_files(app: Sphinx, exception: Exception | None) -> None:
    """An exhibit's files lie beside its page, under names that do not change."""
    if exception is not None or app.builder.format != "html":
        return
    (Path(app.outdir) / "_static" / "thb-table.css").write_text(CSS, encoding="utf-8")
    if app.builder.name != "html":  # all pages on one, to be printed
        return
    for notebook in sorted((Path(app.srcdir) / EXECUTED).glob("*.ipynb")):
        if f"{EXECUTED}{notebook.stem}" in app.env.found_docs:
            for kind in FILES:
                shutil.copy(notebook.with_suffix(f".{kind}"), Path(app.outdir) / EXECUTED)


def _drop_preloads(app: Sphinx, exception: Exception | None) -> None:
    """A page opened as a file may not fetch a font ahead of its style sheet: without the hint it asks once, and may."""
    if exception is not None or app.builder.format != "html":
        return
    for page_file in Path(app.outdir).rglob("*.html"):
        html = page_file.read_text(encoding="utf-8")
        if FONT.search(html):
            page_file.write_text(FONT.sub("", html), encoding="utf-8")
