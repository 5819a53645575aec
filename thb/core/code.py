"""Which code a result depends on: the files that a module of thb imports, directly or through others, and their digest.

Found by reading the files, not by running them, so that a stage that needs no torch can ask about one that does.
An import inside a function counts; one for type checkers only does not. What is imported by name (a detector, a
simulated generator) shows in no import statement: it is given as a module of its own.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
OWNED = (".css", ".j2")  # what a module may have beside it: table.py reads table.css and table.html.j2
SHORT = 16  # hex digits of a digest: enough to tell two states of the code apart
BY_NAME = {"rendered.fakes.generators": HOME / "rendered" / "fakes" / "generators"}  # all found by their names
ARITHMETIC = "core.arithmetic"  # settled when thb is imported, before anything else is
# Stage -> the module that does it.
DOORS = {
    "fetch": "corpus.fetch",
    "prepare": "clips.prepare",
    "contact": "clips.contact",
    "split": "splits.split",
    "identity": "splits.look_alikes.identity",
    "train": "fits.train",
    "score": "fits.score",
    "import_weights": "fits.import_weights",
    "explain": "cams.explain",
    "evaluate": "cells.evaluate",
    "exhibit": "book.exhibit",
    "book": "book.book",
}


def files_of(*modules: str) -> list[Path]:
    """Every file below thb/ that these modules (dotted, without `thb.`) depend on, and their own, sorted.

    A template or style sheet that bears a module's name goes with it, and with all of them how numbers are added up.
    """
    found: set[Path] = set()
    waiting = [file for module in (*modules, ARITHMETIC) for file in (_file(module), *_files(f"thb.{module}"))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            found.update(file for file in path.parent.glob(f"{path.stem}.*") if file.suffix in OWNED)
            waiting += _imported(path)
    return sorted(found)


def listing(*modules: str) -> str:
    """A line for each of them, with a hash; comments, docstrings and layout do not count."""
    return "".join(f"{path.relative_to(HOME).as_posix()} {_meaning(path)}\n" for path in files_of(*modules))


@cache
def digest(*modules: str) -> str:
    """One digest of all of them."""
    return hashlib.sha256(listing(*modules).encode()).hexdigest()[:SHORT]


def imported(tree: ast.AST) -> set[str]:
    """The modules of thb (dotted, without `thb.`) that a piece of code imports by itself."""
    found = {file for name in _names(tree) for file in _files(name)}
    return {".".join(file.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__") for file in found}


def _file(module: str) -> Path:
    place = HOME.joinpath(*module.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not path.is_file():
        raise ValueError(f"thb has no module {module!r}")
    return path


@cache
def _tree(path: Path) -> ast.Module:
    """A file's syntax tree, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return tree


@cache
def _meaning(path: Path) -> str:
    """A hash of a file's code, whatever its comments, docstrings and layout; of a template, of all its bytes."""
    said = path.read_bytes() if path.suffix in OWNED else ast.dump(_tree(path)).encode()
    return hashlib.sha256(said).hexdigest()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """The files of thb that one file imports; of a package, its __init__ too."""
    found = {file for name in _names(_tree(path)) for file in _files(name)}
    for folder in BY_NAME.values():
        if folder / "__init__.py" in found | {path}:
            found |= set(folder.glob("[a-z]*.py"))
    return tuple(sorted(found - {path}))


def _files(name: str) -> Iterator[Path]:
    """The files behind a dotted name; thb/__init__.py holds the version alone."""
    parts = name.split(".")
    for end in range(2, len(parts) + 1):
        place = HOME.joinpath(*parts[1:end])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())


def _names(tree: ast.AST) -> Iterator[str]:
    """Dotted names that may be modules of thb, wherever they are imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("thb."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "thb":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _names(node)
