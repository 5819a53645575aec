"""The book of made-up results, built once for all tests that read it, whichever process asks first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import papermill
import results_made
from filelock import FileLock
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.parameterize import parameterize_notebook

from notebooks import run_cell
from thb.book import book, exhibit
from thb.core.paths import Paths
from thb.report import saving
from thb.status import cost

ROOT = Path(__file__).resolve().parent.parent


def built(folder: Path) -> Paths:
    """A clone with results, exhibits and the book, below a folder that the test processes share."""
    root, done = folder / "book", folder / "book.done"
    with FileLock(folder / "book.lock"):
        if not done.exists():
            root.mkdir()
            _build(results_made.clone(ROOT, root))
            done.touch()
    return Paths(root)


def _build(paths: Paths) -> None:
    params = results_made.fill(paths)
    (paths.root / cost.STAGES).mkdir(parents=True)  # as after a run that left no record of what it took
    paths.dvc_lock.write_text("schema: '2.0'\nstages: {}\n")
    with standing_in(paths), mock.patch.object(exhibit, "_run_once", run_here):
        for name in params.exhibits:
            exhibit.run(paths, params, name)
        book.run(paths, params)


@contextlib.contextmanager
def standing_in(paths: Paths) -> Iterator[None]:
    """As if the command were given in the clone: nothing is read of the repository's own results."""
    with contextlib.chdir(paths.root), mock.patch.dict(os.environ, THB_ROOT=str(paths.root)):
        yield


def run_here(paths: Paths, source: Path, parameters: dict) -> NotebookNode:
    """Execute a notebook in this process: a kernel for each (as tests/test_exhibit.py has) would take minutes."""
    notebook = parameterize_notebook(papermill.iorw.load_notebook_node(str(source)), parameters)
    names: dict = {}
    as_bytes = saving.as_bytes  # but of PDFs, which no test reads
    drawn = mock.patch.object(saving, "as_bytes", lambda figure, kind: b"" if kind == "pdf" else as_bytes(figure, kind))
    with standing_in(paths), drawn:
        for cell in (c for c in notebook.cells if c.cell_type == "code"):
            shown = run_cell(cell.source, names)
            if shown is not None:
                data, facts = shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else _plainly(shown)
                cell.outputs = [new_output("execute_result", data=data, metadata=facts, execution_count=1)]
    return notebook


def _plainly(shown: object) -> tuple[dict[str, str], dict]:
    """What Jupyter shows of a frame or of anything else."""
    html = {"text/html": shown._repr_html_()} if hasattr(shown, "_repr_html_") else {}
    return {"text/plain": repr(shown), **html}, {}
