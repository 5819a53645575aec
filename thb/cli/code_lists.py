"""code: for each command of the graph, the files of thb that it depends on, each with a hash, in a list for DVC.

A stage of dvc.yaml depends on the list of its command (of its detector, of its notebook), so that no list of files has
to be kept there by hand, and a comment or a docstring makes nothing run again.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from thb import detectors
from thb.core import code
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic

# Command -> the modules that do its work. `thb.cli.main` is not among them: it parses arguments and passes them on;
# a new line of help makes nothing run again.
ALWAYS, LACKING, PLUGIN = ("core.params", "core.paths"), "fits.absent", "book.sphinx_ext"
OF_CLIPS = {name: (*ALWAYS, LACKING, "corpus.own_reals", code.DOORS[name]) for name in ("fetch", "prepare", "split")}
PLAIN = {name: (*ALWAYS, code.DOORS[name]) for name in ("identity", "evaluate", "contact")}
OF_DETECTOR = {name: (*ALWAYS, LACKING, code.DOORS[name]) for name in ("train", "score", "explain")}
OF_NOTEBOOK = (*ALWAYS, code.DOORS["exhibit"])
BOOK = (*ALWAYS, code.DOORS["book"], PLUGIN)  # which book/_config.yml names


def run(paths: Paths, params: Params) -> None:
    """Write data/code/<command>.txt, <command>-<detector>.txt and exhibit-<notebook>.txt."""
    lists = dict(_lists(paths))
    for name, modules in lists.items():
        text = code.listing(*modules)
        write_atomic(paths.code(name), lambda part, text=text: part.write_text(text, encoding="utf-8"))
    print(f"{len(lists)} commands -> {paths.relative(paths.code('').parent)}")


def _lists(paths: Paths) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (OF_CLIPS | PLAIN).items()
    yield "book", BOOK
    for command, modules in OF_DETECTOR.items():
        yield from ((f"{command}-{name}", (*modules, f"detectors.{name}")) for name in detectors.names())
    for notebook in sorted(paths.notebooks.glob("*.ipynb")):
        yield f"exhibit-{notebook.stem}", (*OF_NOTEBOOK, *_imported(notebook))


def _imported(notebook: Path) -> set[str]:
    """What a notebook's cells import of thb, without the prefix."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return code.imported(ast.parse("\n".join(sources)))
    except (ValueError, KeyError, TypeError, SyntaxError) as fault:
        raise DataError(f"{notebook.name} is no notebook with Python in it ({type(fault).__name__}: {fault})") from None
