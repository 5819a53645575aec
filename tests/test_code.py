"""What code a result rests on is found by reading imports, and its digest counts what Python does alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from thb.core import code

ROOTS = {
    "fits.train": (
        "fits/loop.py",
        "fits/feed.py",
        "core/metrics.py",
        "core/tables.py",
        "core/params.py",
        "splits/clips_of_fit.py",
    ),
    "cells.evaluate": ("core/metrics.py", "splits/protocols.py", "cells/printed.py", "fits/score_files.py"),
    "corpus.fetch": ("rendered/heads/renderer.py", "rendered/fakes/generators/hallo.py", "corpus/download/release.py"),
    "detectors.caddm": ("detectors/caddm/swap.py", "detectors/base.py"),
}


def relative(*modules: str) -> list[str]:
    return [path.relative_to(code.HOME).as_posix() for path in code.files_of(*modules)]


@pytest.mark.parametrize("module", ROOTS)
def test_a_module_rests_on_what_it_imports_through_others_too(module):
    assert set(ROOTS[module]) <= set(relative(module))


def test_it_rests_on_nothing_else():
    assert "report/tables.py" not in relative("fits.train")
    assert "detectors/caddm/swap.py" not in relative("fits.train", "detectors.tall")


# Each module is imported by a process that splits off from one that has loaded what takes long and nothing of thb.
LOADS = """
import importlib, json, os, sys
import cv2, matplotlib.pyplot, numpy, pandas, scipy.stats, sklearn.metrics, torch
import jupyter_book.sphinx, nbformat, papermill
for module in sys.argv[1:]:
    sys.stdout.flush()
    assert not [name for name in sys.modules if name.partition(".")[0] == "thb"]
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, module
    else:
        importlib.import_module(f"thb.{module}")
        print(json.dumps([module, [m.__file__ for n, m in sys.modules.items() if n.startswith("thb.")]]), flush=True)
        os._exit(0)
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """module -> the files of thb that Python loads for it."""
    command = [sys.executable, "-c", LOADS, *code.DOORS.values()]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(map(json.loads, lines))


@pytest.mark.parametrize("module", [*code.DOORS.values()])
def test_what_python_really_loads_is_among_them(loaded, module):
    found = {str(path) for path in code.files_of(module)}
    assert loaded[module]
    assert set(loaded[module]) <= found


def home(tmp_path, monkeypatch, **files: str):
    (tmp_path / "core").mkdir(exist_ok=True)
    (tmp_path / "core" / "arithmetic.py").write_text("")  # which counts for every module
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(code, "HOME", tmp_path)
    for kept in (code.digest, code._tree, code._meaning, code._imported):
        kept.cache_clear()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Other words."""\n\n\ndef f():\n    # why\n    return 1\n', True),
        ("def f():\n    return (\n        1\n    )\n", True),
        ("def f():\n    return 2\n", False),
        ("def f():\n    return 1\n\n\nX = 1\n", False),
    ],
)
def test_only_what_python_does_counts(tmp_path, monkeypatch, text, same):
    home(tmp_path, monkeypatch, a="from thb.b import f\n", b='def f():\n    """Says."""\n    return 1\n')
    before = code.digest("a")
    home(tmp_path, monkeypatch, b=text)
    assert (code.digest("a") == before) == same


def test_an_import_in_a_function_counts_and_one_for_type_checkers_does_not(tmp_path, monkeypatch):
    home(
        tmp_path,
        monkeypatch,
        b="",
        c="",
        a="from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
        "    import thb.b\n\n\ndef f():\n    from thb import c\n",
    )
    assert [path.name for path in code.files_of("a")] == ["a.py", "c.py", "arithmetic.py"]


def test_an_unknown_module_is_named():
    with pytest.raises(ValueError, match="thb has no module 'fits.trian'"):
        code.files_of("fits.trian")
