"""Imports run downward only, and torch stays where it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module may import those on lower floors; on one floor, only within its own group.
FLOORS = [
    {"errors", "ranges", "code", "leash", "torch_compat"},
    {"paths", "blocks", "plain_yaml"},
    {"cross_checks", "records", "media"},
    {"params"},
    {"nets", "store", "origin"},
    {"clip_store", "protocols", "metrics", "published", "splits", "leakage", "sampling", "journal", "pool", "video",
     "audio", "faces", "mini", "detectors", "attention", "identity",
     "own_videos"},
    {"roster", "pictures", "sources", "weights"},
    {"measure", "score_files"},
    {"absence", "comparisons"},
    {"feed", "loop", "report", "clip", "judges", "heatmaps", "regions", "showcase"},
    {"stages"},
    {"reproduce", "context"},
    {"cli"},
]
# On the floor of detectors these may lean on a neighbour; everything else there stands alone.
NEIGHBOURS = {
    ("faces", "mini"): "the truth finder reads what the embedded corpus wrote",
    ("loop", "feed"): "the loop draws its batches from a feed",
}
TORCH = {"torch", "torchvision", "timm"}
TORCH_ALLOWED = {"detectors", "torch_compat", "feed", "loop", "heatmaps", "stages.detect", "stages.train",
                 "stages.explain", "stages.import_weights"}


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
        if group(other) not in {g for f in FLOORS for g in f}:
            continue                                    # a name inside a package, e.g. thb.__version__
        same = group(other) == group(name) or (group(name), group(other)) in NEIGHBOURS
        assert floor(other) < floor(name) or same, f"thb.{name} imports thb.{other}, which is not below it"


@pytest.mark.parametrize(("name", "path"), [m for m in modules() if m[0].startswith("stages.")], ids=lambda v: str(v))
def test_no_stage_imports_another(name, path):
    others = {o for o in own(path) if o.startswith("stages.")}
    assert not others, f"thb.{name} imports {others}: stages speak through files"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: str(v))
def test_torch_is_imported_only_where_it_is_needed(name, path):
    if name in TORCH_ALLOWED or group(name) in TORCH_ALLOWED:
        return
    heavy = {i for i in imported(path) if i.split(".")[0] in TORCH}
    assert not heavy, f"thb.{name} imports {heavy}"


def test_every_exception_is_needed():
    """An entry that no import needs any more would let one in unseen."""
    needed = {(group(name), group(other)) for name, path in modules() for other in own(path)}
    assert set(NEIGHBOURS) <= needed
    heavy = [name for name, path in modules() if {i.split(".")[0] for i in imported(path)} & TORCH]
    assert set(TORCH_ALLOWED) <= {part for name in heavy for part in (name, group(name))}
    assert {name for floor in FLOORS for name in floor} == {group(name) for name, _ in modules()} - {"__init__"}


@pytest.mark.parametrize("name", [m[0] for m in modules() if m[0].startswith("detectors.")])
def test_detectors_never_see_metrics_params_paths_or_each_other(name):
    below = name.startswith("detectors.parts.") or name == "detectors.base"
    known = ("detectors.parts",) if below else ("detectors.base", "detectors.parts")
    path = ROOT / "thb" / (name.replace(".", "/") + ".py")
    reached = {o for o in own(path) if group(o) in ("metrics", "params", "paths")}
    siblings = {o for o in own(path) if o.startswith("detectors.") and not any(o.startswith(k) for k in known)}
    assert not reached | siblings, f"thb.{name} imports {reached | siblings}"


def test_report_needs_no_torch_and_no_stage():
    for name, path in modules():
        if group(name) == "report":
            assert not {o for o in own(path) if group(o) in ("stages", "detectors", "mini")}, name


def test_there_is_no_cycle():
    edges = {name: own(path) for name, path in modules()}
    known = set(edges)
    edges = {n: {o for o in others if o in known} for n, others in edges.items()}
    while edges:
        leaves = {n for n, others in edges.items() if not others & set(edges)}
        assert leaves, f"cycle among {sorted(edges)}"
        edges = {n: o for n, o in edges.items() if n not in leaves}


@pytest.mark.parametrize("module", ["thb.cli", "thb.stages.evaluate", "thb.stages.split", "thb.detectors",
                                    "thb.detectors.container",
                                    "thb.detectors.image_stats", "thb.pictures", "thb.report"])
def test_torch_is_not_loaded_by(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
