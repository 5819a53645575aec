"""Notebooks run cell by cell in the test's own process: what they compute and what they show."""

from __future__ import annotations

import ast
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


class Ran:
    """A notebook after its last cell: `ran["rows"]` is a name of its own, `ran.shown` what its cells showed, by id."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.shown: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.names[name]

    @property
    def html(self) -> str:
        """The HTML of every table, one below the other."""
        bundles = [one._repr_mimebundle_()[0] for one in self.shown.values() if hasattr(one, "_repr_mimebundle_")]
        return "\n".join(bundle["text/html"] for bundle in bundles if "text/html" in bundle)

    @property
    def alt(self) -> str:
        """What its figures show, in words."""
        bundles = [one._repr_mimebundle_()[1] for one in self.shown.values() if hasattr(one, "_repr_mimebundle_")]
        return "\n".join(facts["thb"]["alt"] for facts in bundles if "alt" in facts["thb"])

    @property
    def title(self) -> str:
        """The heading that its page in the book gets."""
        bundles = [one._repr_mimebundle_()[1] for one in self.shown.values() if hasattr(one, "_repr_mimebundle_")]
        return next(facts["thb"]["title"] for facts in bundles if "title" in facts["thb"])


def rows(name: str, **given: Any) -> pd.DataFrame:
    """The rows of a notebook alone: no cell below the one that makes them is run."""
    return _run(name, given, "rows")["rows"]


def run(name: str, **given: Any) -> Ran:
    """notebooks/<name>.ipynb with these parameters, in the clone that THB_ROOT or the working folder names.

    Raises KeyError for a parameter that the notebook does not have, and whatever a cell raises.
    """
    return _run(name, given, "")


def seen(name: str, **given: Any) -> Ran:
    """The same in the clone that THB_ROOT names and nobody changes, once for the same parameters; only look at it."""
    return _once(os.environ["THB_ROOT"], name, json.dumps(given))


@cache
def _once(root: str, name: str, given: str) -> Ran:
    return run(name, **json.loads(given))


def run_cell(source: str, names: dict[str, Any], where: str = "cell") -> Any:
    """Run a cell among these names; returns what its last line shows, None if that shows nothing."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names) if isinstance(last, ast.Expr) else None


def _run(name: str, given: dict[str, Any], last_cell: str) -> Ran:
    ran = Ran()
    for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        shown = run_cell("".join(cell["source"]), ran.names, cell["id"])
        if "parameters" in cell["metadata"].get("tags", []):
            if unknown := sorted(set(given) - set(ran.names)):
                raise KeyError(f"{name}.ipynb has no parameter {unknown[0]}")
            ran.names |= given
        if shown is not None:
            ran.shown[cell["id"]] = shown
        if cell["id"] == last_cell:
            break
    return ran
