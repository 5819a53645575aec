"""exhibit: run one notebook with its parameters; its tables, figures and rows go to book/_executed."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from thb.book import provenance
from thb.book.kernel import waiting_kernel
from thb.core.errors import DataError, ParamsError, entry, unknown
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic
from thb.core.words import corpus_line, text

FILES = ("csv", "svg", "pdf", "png")
WIDE = ("fig", "cam_")  # exhibits whose figure takes the whole width of its page
TIMEOUT = 600  # seconds a cell may take
START, TRIES = 60, 3  # seconds a kernel has to answer, and kernels that are tried
MUTE = "Kernel didn't respond"
QUIET = ["--log-level=50"]  # the kernel logs the interrupt by which it is shut down as an error


def run(paths: Paths, params: Params, name: str) -> None:
    """Write <name>.ipynb, .csv, .svg, .pdf and .png; the notebook last, so that it vouches for the rest."""
    source = _notebook(paths, name, provenance.entry(params, name)["notebook"])
    given = provenance.arguments(params, name)
    _check(source, name, given)
    paths.executed.mkdir(parents=True, exist_ok=True)
    executed = execute(paths, source, {**given, "save": paths.relative(paths.executed / name)}, name)
    if missing := [kind for kind in FILES if not (paths.executed / f"{name}.{kind}").is_file()]:
        last = "its last cell must call report.save(save, rows, figure)"
        raise DataError(f"exhibit {name}: {source.name} wrote no {name}.{missing[0]}; {last}")
    page = settle(executed, name, given, corpus_line(params), provenance.record(paths))
    write_atomic(paths.executed / f"{name}.ipynb", lambda part: part.write_text(page, encoding="utf-8"))
    print(f"{name} -> {paths.relative(paths.executed / name)}.ipynb")


def _notebook(paths: Paths, name: str, kind: str) -> Path:
    """One of the clone's own notebooks."""
    known = {path.stem: path for path in sorted(paths.notebooks.glob("*.ipynb"))}
    return entry(f"notebook in exhibits.{name}", kind, known)


def _check(source: Path, name: str, given: dict) -> None:
    """The notebook knows every parameter it is given."""
    accepted = set(papermill.inspect_notebook(str(source))) - {"save"}
    for key in given:
        if key not in accepted:
            raise ParamsError(unknown(f"key in exhibits.{name}", key, ["notebook", *sorted(accepted)]))


def execute(paths: Paths, source: Path, parameters: dict, name: str) -> NotebookNode:
    """The notebook, run from the root of the clone by a kernel of its own; a mute kernel is replaced."""
    for _ in range(TRIES):
        try:
            return _run_once(paths, source, parameters)
        except PapermillExecutionError as error:
            raise DataError(f"exhibit {name}: {error.ename}: {' '.join(str(error.evalue).split())}") from None
        except TimeoutError:
            raise DataError(f"exhibit {name}: one of its cells took longer than {TIMEOUT} s") from None
        except RuntimeError as error:
            if MUTE not in str(error):
                raise
    raise DataError(f"exhibit {name}: {TRIES} kernels in turn did not answer within {START} s each")


def _run_once(paths: Paths, source: Path, parameters: dict) -> NotebookNode:
    with _root_named(paths.root), waiting_kernel() as manager:
        return papermill.execute_notebook(
            str(source),
            None,  # written once it is settled, not after every cell
            parameters=parameters,
            kernel_name="python3",
            cwd=str(paths.root),
            progress_bar=False,
            start_timeout=START,
            execution_timeout=TIMEOUT,
            kernel_manager_class=manager,
            extra_arguments=QUIET,
        )


@contextmanager
def _root_named(root: Path) -> Iterator[None]:
    """The kernel inherits our environment: tell it which clone is meant."""
    before = os.environ.get("THB_ROOT")
    os.environ["THB_ROOT"] = str(root)
    try:
        yield
    finally:
        os.environ.pop("THB_ROOT")
        if before is not None:
            os.environ["THB_ROOT"] = before


def settle(notebook: NotebookNode, name: str, given: dict, corpus: str, record: dict) -> str:
    """The notebook as text without clocks and random ids, titled, with alt texts, its clips and its provenance.

    Its own cell of parameters holds what it was given, instead of one that papermill adds: it runs as it is, anywhere,
    and overwrites nothing.
    """
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    facts = {key: value for output in shown for key, value in output.get("metadata", {}).get("thb", {}).items()}
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
        "thb": record,
    }
    notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        _settle_cell(cell, given, wide=name.startswith(WIDE))
    heading = text(". ".join(filter(None, (provenance.number(name), facts["title"]))))
    about = notebook.cells[0].source.split("\n")[1:]
    notebook.cells[0].source = "\n".join([f"# {heading}", *about, "", f"*{text(corpus)}*"])
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _settle_cell(cell: NotebookNode, given: dict, wide: bool) -> None:
    tags = cell.metadata.get("tags", [])
    if "parameters" in tags:
        cell.source = with_values(cell.source, given)
    kept: dict[str, Any] = {"tags": list(dict.fromkeys(tags))} if tags else {}
    for output in cell.get("outputs", []):
        if alt := output.get("metadata", {}).get("thb", {}).get("alt"):
            kept["mystnb"] = {"image": {"alt": alt}}
            kept["tags"] = [*kept.get("tags", []), *(["wide"] if wide else [])]
    cell.metadata = kept


def with_values(source: str, given: dict) -> str:
    """A cell of `name = value  # options` with these values; comments and everything else stay."""
    lines = source.split("\n")
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name) and name.id in given:
            first, last, value = node.value.lineno - 1, (node.value.end_lineno or 0) - 1, repr(given[name.id])
            before = lines[first].encode()[: node.value.col_offset].decode()
            after = lines[last].encode()[node.value.end_col_offset :].decode()
            lines[first : last + 1] = [f"{before}{value}{after}"]
    return "\n".join(lines)
