"""Imports run downward only, and torch stays where it is needed."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from thb.cli.code_lists import DOORS
from thb.core import code

ROOT = Path(__file__).resolve().parent.parent

# A room may import those on lower floors; on one floor, rooms do not know each other.
FLOORS = [
    {"core"},
    {"rendered", "detectors"},
    {"corpus"},
    {"clips"},
    {"splits"},
    {"fits"},
    {"submitted"},
    {"cams", "cells", "status"},
    {"reencoded", "leaderboard"},
    {"report"},
    {"detect", "book"},
    {"review", "curate"},
    {"cli"},
    {"__main__"},
]
TORCH = {"torch", "torchvision", "timm"}
TORCH_ALLOWED = {
    "detectors",
    "fits.feed",
    "fits.loop",
    "fits.step",
    "fits.train",
    "fits.import_weights",
    "cams.grad_cam",
    "cams.explain",
    "detect.detect",
    "detect.probe_heat",
}


def modules() -> list[tuple[str, Path]]:
    files = sorted((ROOT / "thb").rglob("*.py"))
    return [(".".join(f.relative_to(ROOT / "thb").with_suffix("").parts), f) for f in files]


def imported(path: Path) -> set[str]:
    """Dotted names of every import in a file, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(path: Path) -> set[str]:
    """What a file imports of thb, without the prefix."""
    return {name.removeprefix("thb.") for name in imported(path) if name.startswith("thb.")}


def group(name: str) -> str:
    return name.split(".")[0]


def floor(name: str) -> int:
    at = [i for i, floor in enumerate(FLOORS) if group(name) in floor]
    assert at, f"thb/{name.replace('.', '/')}.py stands on no floor; add {group(name)!r} to FLOORS"
    return at[0]


@pytest.mark.parametrize(("name", "path"), [m for m in modules() if m[0] not in ("__init__",)], ids=lambda v: str(v))
def test_imports_run_downward(name, path):
    for other in own(path):
        if other != "__version__":
            below = floor(other) < floor(name) or group(other) == group(name)
            assert below, f"thb.{name} imports thb.{other}, which is not below it"


@pytest.mark.parametrize("door", DOORS.values())
def test_no_stage_imports_another(door):
    others = own(code._file(door)) & set(DOORS.values())
    assert not others, f"thb.{door} imports {others}: stages speak through files"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: str(v))
def test_torch_is_imported_only_where_it_is_needed(name, path):
    if name in TORCH_ALLOWED or group(name) in TORCH_ALLOWED:
        return
    heavy = {i for i in imported(path) if i.split(".")[0] in TORCH}
    assert not heavy, f"thb.{name} imports {heavy}"


def test_every_exception_is_needed():
    """An entry that no import needs any more would let one in unseen."""
    heavy = [name for name, path in modules() if {i.split(".")[0] for i in imported(path)} & TORCH]
    assert set(TORCH_ALLOWED) <= {part for name in heavy for part in (name, group(name))}
    assert {name for floor in FLOORS for name in floor} == {group(name) for name, _ in modules()} - {"__init__"}


@pytest.mark.parametrize("name", [m[0] for m in modules() if m[0].startswith("detectors.")])
def test_detectors_never_see_metrics_params_paths_or_each_other(name):
    below, folder = name.startswith("detectors.parts.") or name == "detectors.base", name.rpartition(".")[0]
    known = ("detectors.parts",) if below else ("detectors.base", "detectors.parts")
    path = ROOT / "thb" / (name.replace(".", "/") + ".py")
    reached = {o for o in own(path) if o.startswith(("core.metrics", "core.params", "core.paths"))}
    inside = (folder,) if folder != "detectors" else ()  # a detector of several files
    siblings = {o for o in own(path) if o.startswith("detectors.") and not o.startswith((*known, *inside))}
    assert not reached | siblings, f"thb.{name} imports {reached | siblings}"


def test_report_needs_no_torch_and_no_stage():
    for name, path in modules():
        if group(name) == "report":
            assert not {o for o in own(path) if o in DOORS.values() or group(o) in ("detectors", "rendered")}, name


def test_there_is_no_cycle():
    edges = {name: own(path) for name, path in modules()}
    known = set(edges)
    edges = {n: {o for o in others if o in known} for n, others in edges.items()}
    while edges:
        leaves = {n for n, others in edges.items() if not others & set(edges)}
        assert leaves, f"cycle among {sorted(edges)}"
        edges = {n: o for n, o in edges.items() if n not in leaves}


@pytest.mark.parametrize(
    "module",
    [
        "thb.cli.main",
        "thb.cells.evaluate",
        "thb.splits.split",
        "thb.detectors",
        "thb.detectors.container",
        "thb.detectors.image_stats",
        "thb.fits.picture_measures",
        "thb.report",
    ],
)
def test_torch_is_not_loaded_by(module):
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_the_picture_of_the_rooms_is_as_the_imports_are(repo):
    spec = importlib.util.spec_from_file_location("draw_rooms", repo / "tools" / "draw_rooms.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert set(tool.WRITES) == set(tool.rooms())
    assert tool.PICTURE.read_text(encoding="utf-8") == tool.draw(), "run `python tools/draw_rooms.py`"


def test_what_is_loaded_ahead_in_a_light_installation_is_all_the_rest():
    """Or the server that commands are forked from would start bare, and each would import everything by itself."""
    script = """
import sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "cv2", "av"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Lacking())
import thb.cli.preload
wanted = {"matplotlib.pyplot", "papermill", "thb.report", "thb.cells.evaluate", "thb.book.exhibit"}
sys.exit(wanted - {*sys.modules} or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
