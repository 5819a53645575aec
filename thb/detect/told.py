"""What is asked of `thb detect`, and what is said of what it found."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from thb.core.errors import printable
from thb.core.tables import write_atomic
from thb.detect.verdicts import Judge, Threshold


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    videos: Sequence[Path]  # files, and folders to be searched
    detectors: Sequence[str]  # none: every network that has weights of the fit
    fit: str
    finder: str  # empty: as the weights were trained, where that works on any video
    cam: Path | None  # a folder for heat-map strips
    json: str  # a file, `-` for stdout, or empty


@dataclass
class Findings:
    """The results and what was skipped, file by file."""

    results: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False  # whether every file had its turn
    told: bool = False  # whether what is skipped is told at once; until then it waits

    def skip(self, file: Path, reason: str, detector: str | None = None) -> None:
        self.skipped.append({"file": str(file), "detector": detector, "reason": reason})
        if self.told:
            say(as_skipped(self.skipped[-1]))

    def tell(self) -> None:
        """Say at once what is skipped from now on, and what has waited."""
        if not self.told:
            self.told = True
            for one in self.skipped:
                say(as_skipped(one))


def as_skipped(one: Mapping[str, Any]) -> str:
    whose = f"{one['detector']}: " if one["detector"] else ""
    return f"{printable(one['file'])}: {whose}{printable(one['reason'])}"


def say(words: str) -> None:
    tqdm.write(f"thb: {words}", file=sys.stderr)


def tell(judges: list[Judge], request: Request, found: Findings) -> None:
    """Print and write the findings; a run that was interrupted before its first score leaves an older JSON as it is."""
    if request.json != "-" and found.results:
        print("\n".join(_table(judges, request.fit, found.results)))
    if not request.json or not (found.results or found.finished):
        return
    told = {
        "fit": request.fit,
        "finished": found.finished,
        "results": found.results,
        "skipped": found.skipped,
        "detectors": {
            j.name: {
                "threshold": j.bar,
                "fpr": j.threshold.fpr if j.threshold else None,
                "holds_for": j.holds_for,
                "finder": j.finder,
                "caveats": list(j.caveats),
            }
            for j in judges
        },
    }
    text = _escaped(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False))
    if request.json == "-":
        print(text)
    else:
        write_atomic(Path(request.json), lambda part: part.write_text(text + "\n", encoding="utf-8"))


def _escaped(text: str) -> str:
    """JSON with invisible and undecodable characters as JSON escapes, so that a reader gets the exact name back."""
    return "".join(c if c == "\n" or printable(c) == c else json.dumps(c)[1:-1] for c in text)


def _table(judges: list[Judge], fit: str, results: list[dict[str, Any]]) -> Iterator[str]:
    """Aligned columns; each verdict carries the numbers of its caveats, which follow below."""
    notes = list(dict.fromkeys(caveat for j in judges for caveat in j.caveats))
    of = {j.name: j for j in judges}
    head = ("file", "detector", "score", "threshold", "verdict")
    body = [
        (
            printable(r["file"]),
            f"{r['detector']}/{fit}",
            f"{r['score']:.4f}",
            _bar(of[r["detector"]].threshold),
            _verdict(r, [notes.index(caveat) + 1 for caveat in of[r["detector"]].caveats]),
        )
        for r in results
    ]
    widths = [max(_width(line[i]) for line in (head, *body)) for i in range(len(head))]
    for line in (head, *body):
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
    for number, note in enumerate(notes, 1):
        yield f"[{number}] {', '.join(j.name for j in judges if note in j.caveats)}: {note}"


def _bar(threshold: Threshold | None) -> str:
    if threshold is None or threshold.value is None:
        return "–"
    return f"{threshold.value:.4f} at FPR {100 * threshold.fpr:g}%"


def _verdict(result: Mapping[str, Any], notes: Sequence[int]) -> str:
    """The verdict, of which reals its bound holds, the numbers of its caveats, and what is odd about the clip."""
    holds = f" (holds for {result['holds_for']})" if result["holds_for"] else ""
    marks = f" [{', '.join(map(str, notes))}]" if notes else ""
    return result["verdict"] + holds + marks + (f"; {result['remark']}" if result["remark"] else "")


def _width(text: str) -> int:
    """Columns on a terminal: Chinese, Japanese and Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)
