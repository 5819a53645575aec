"""The book as one PDF with bookmarks: all pages on one, printed by an installed Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from thb.book import book
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NAME = "thb.pdf"
PICTURE = re.compile(r"<a (?=[^>]*\bimage-reference\b)[^>]*")
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
            _unlink_pictures(Path(folder) / "pages" / "index.html")
            part = Path(folder) / NAME
            _print(browser, Path(folder) / "pages" / "index.html", part)
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
