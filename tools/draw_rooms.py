"""Draw the rooms of thb/ and the road through them into docs/rooms.svg, from the imports as they stand.

    python tools/draw_rooms.py

A room stands as high as its imports let it: everything that it imports lies below. Arrows point at what is imported;
those that another way already implies are left out. tests/test_imports.py holds that the picture is up to date.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from thb.core import code  # noqa: E402

PICTURE = ROOT / "docs" / "rooms.svg"
WRITES = {  # room -> what its stage leaves behind, or what it is for
    "core": "words that all share",
    "rendered": "the embedded corpus",
    "detectors": "the networks",
    "corpus": "data/raw",
    "clips": "data/clips",
    "splits": "data/splits",
    "fits": "runs, results/scores",
    "submitted": "scores from elsewhere",
    "cells": "results/cells.csv",
    "cams": "results/cams",
    "status": "what clips allow",
    "reencoded": "results/reencoded",
    "leaderboard": "boards of entries",
    "report": "tables, figures",
    "book": "book/_build",
    "detect": "your own videos",
    "curate": "curation.csv",
    "review": "verify.json",
    "cli": "the commands",
}


def rooms() -> dict[str, set[str]]:
    """Room -> the rooms that its files import."""
    found: dict[str, set[str]] = {}
    for folder in sorted(path for path in code.HOME.iterdir() if (path / "__init__.py").is_file()):
        files = folder.rglob("*.py")
        names = {
            name.split(".")[0] for file in files for name in code.imported(ast.parse(file.read_text(encoding="utf-8")))
        }
        found[folder.name] = names - {folder.name, "__init__"}
    return found


def storeys(found: Mapping[str, set[str]]) -> dict[str, int]:
    """Room -> how many rooms lie below it, one on the other."""
    floors: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in floors:
            floors[room] = 1 + max((floor(below) for below in found[room]), default=-1)
        return floors[room]

    for room in found:
        floor(room)
    return floors


def needed(found: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Arrows that no longer way implies."""

    def reach(room: str) -> set[str]:
        return found[room].union(*(reach(below) for below in found[room]))

    return [
        (room, below)
        for room, all_below in found.items()
        for below in sorted(all_below)
        if not any(below in reach(other) for other in all_below - {below})
    ]


def draw() -> str:
    """The picture as SVG, the same bytes each time."""
    found = rooms()
    floors = storeys(found)
    shelves = [[room for room in found if floors[room] == floor] for floor in range(max(floors.values()) + 1)]
    place = {
        room: ((i - (len(shelf) - 1) / 2) * 2.3, floor)
        for floor, shelf in enumerate(shelves)
        for i, room in enumerate(shelf)
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.hashsalt"] = "rooms"
        figure = Figure(figsize=(8.5, 0.78 * len(shelves)), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        for room, below in needed(found):
            (x, y), (u, v) = place[room], place[below]
            ax.annotate("", (u, v + 0.27), (x, y - 0.27), arrowprops={"arrowstyle": "-|>", "color": "#9aa1a9", "lw": 1})
        for room, (x, y) in place.items():
            box = {"boxstyle": "round,pad=0.35", "facecolor": "#eaf2f9", "edgecolor": "#0060a0"}
            ax.text(x, y, f"{room}\n{WRITES[room]}", ha="center", va="center", fontsize=8.5, bbox=box, linespacing=1.35)
        ax.set(xlim=(-4.3, 4.3), ylim=(-0.6, len(shelves) - 0.4))
        ax.axis("off")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
