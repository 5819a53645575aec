"""The book as one PDF with bookmarks: all pages on one, printed by an installed Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path

from thb.book import book
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NAME = "thb.pdf"
PICTURE = re.compile(r"<a (?=[^>]*\bimage-reference\b)[^>]*")
# a bookmark's title that says its words twice: plain, or in UTF-16 as hexadecimal digits
TWICE = re.compile(
    rb"(?<=/Title )(?:\((?P<plain>(?:[^()\\]|\\.)+)(?P=plain)\)|<FEFF(?P<wide>(?:[0-9A-F]{4})+)(?P=wide)>)"
)
HEADING = re.compile(r"<h[1-6][^>]*>(.*?)(?:<a class=\"headerlink|</h)", re.DOTALL)
PATIENCE = 600  # seconds that printing may take


def run(paths: Paths, params: Params) -> None:
    """Write book/_build/thb.pdf; its path is the last line. Raises DataError if there is no Chromium, or it fails."""
    browser = installed()
    book.check(paths, params)
    file = paths.html.with_name(NAME)
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="pdf.") as folder:
            book.faces(paths)
            book.build(paths, Path(folder) / "pages", "singlehtml")
            page, part = Path(folder) / "pages" / "index.html", Path(folder) / NAME
            _unlink_pictures(page)
            _print(browser, page, part)
            part.write_bytes(said_once(part.read_bytes(), headings(page.read_text(encoding="utf-8"))))
            part.replace(file)
    print(file)


def installed() -> str:
    """The browser that prints; raises DataError where there is none."""
    if found := next(filter(None, map(shutil.which, BROWSERS)), None):
        return found
    raise DataError(f"a PDF is printed by Chromium: install it so that one of {', '.join(BROWSERS)} is on the PATH")


def _unlink_pictures(page: Path) -> None:
    """A picture is a link to its own file, which nobody who reads the PDF has."""
    page.write_text(PICTURE.sub("<a", page.read_text(encoding="utf-8")), encoding="utf-8")


def headings(html: str) -> set[str]:
    """The words of each heading of a page."""
    return {" ".join(unescape(re.sub("<[^>]*>", "", found)).split()) for found in HEADING.findall(html)}


def said_once(pdf: bytes, known: set[str]) -> bytes:
    """The PDF with a heading's words once in its bookmark: Chromium says them twice of one that it moved to a new page.

    It stays as long as it was, since a PDF lists where each of its parts begins.
    """

    def once(found: re.Match[bytes]) -> bytes:
        whole, half = found[0], found["plain"] or found["wide"]
        if _read(whole) in known:
            return whole
        return ((b"(" if found["plain"] else b"<FEFF") + half + whole[-1:]).ljust(len(whole))

    return TWICE.sub(once, pdf)


def _read(title: bytes) -> str:
    if title.startswith(b"<FEFF"):
        return bytes.fromhex(title[5:-1].decode()).decode("utf-16-be", "replace")
    return re.sub(rb"\\(.)", rb"\1", title[1:-1]).decode("latin-1")


def _print(browser: str, page: Path, file: Path) -> None:
    """One page to a PDF; headings become its bookmarks."""
    asked = [
        *(
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-sync",
            "--disable-background-networking",
        ),
        *("--disable-component-update", f"--user-data-dir={file.parent / 'profile'}"),
        *("--no-pdf-header-footer", "--generate-pdf-document-outline", f"--print-to-pdf={file}"),
        *(["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),  # which root cannot have
        page.as_uri(),
    ]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise DataError(f"{browser} took longer than {PATIENCE} s to print the book") from None
    if not file.is_file():
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise DataError(f"{browser} printed no PDF (code {done.returncode}): {said[-1]}")
