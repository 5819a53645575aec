"""Each command, by the command line, in a finished clone whose results are of another profile, seed, setting or code.

    python benchmarks/other_origins.py ~/finished/thb              # minutes; the table goes to other_origins.md
    python benchmarks/other_origins.py ~/finished/thb --video clip.mp4 --into /tmp/table.md

The clone is copied; each command runs in a copy whose params.yaml names another profile, another seed or another
setting, or where one line was added to thb/core/tables.py, on which all stages rest. It must refuse in one line and
exit code 2. `data status` tells instead, and `detect` gives the very same scores, because all that it needs travels
with the weights (only other code is refused). The exit status is 1 if anything else happened.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "thb",
    "params.yaml",
    "paper",
    "data",
    "runs",
    "results",
    "notebooks",
    "book",
    "docs",
    "dvc.yaml",
    "dvc.lock",
    "pyproject.toml",
    "README.md",
    "CITATION.cff",
    "requirements.lock",
)
SECONDS = 300
Tree = dict
Change = Callable[[Path], None]  # of a clone


# ---- what is changed --------------------------------------------------------------------------------


def settings(edit: Callable[[Tree], None]) -> Change:
    def change(root: Path) -> None:
        file = root / "params.yaml"
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        edit(tree)
        file.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")

    return change


def active(tree: Tree) -> Tree:
    return tree["profiles"][tree["profile"]]


def _profile(tree: Tree) -> None:
    tree["profile"] = "mini" if tree["profile"] == "smoke" else "smoke"


def _code(root: Path) -> None:
    with (root / "thb" / "core" / "tables.py").open("a", encoding="utf-8") as file:
        file.write("\n_ADDED = 1\n")


def _rendered(tree: Tree) -> None:
    active(tree)["render"]["fingerprint"] = 0.5


def _stored(tree: Tree) -> None:
    active(tree)["store"]["windows"] += 1


def _trained(detector: str) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        own = active(tree)["detectors"].setdefault(detector, {})
        own["epochs"] = own.get("epochs", 1) + 1

    return edit


def _resampled(tree: Tree) -> None:
    tree["metrics"]["bootstrap"] += 1


def _explained(tree: Tree) -> None:
    tree["explain"]["shown"] += 1


def _promised(tree: Tree) -> None:
    tree["protocols"]["P1"]["disjoint"].pop()


def _from_ffpp(tree: Tree) -> None:
    """CADDM's fit is then to start from the one on face swaps."""
    active(tree)["detectors"]["caddm"]["start_from"] = "ffpp"


@dataclass(frozen=True)
class Command:
    """A command line; the setting that decides on what it reads; what must be so before it is changed."""

    words: tuple[str, ...]
    setting: Callable[[Tree], None] | None
    before: Callable[[Tree], None] | None = None
    told: str = ""  # why it need not refuse
    changes: tuple[str, ...] = field(default=("another profile", "another seed", "another setting", "other code"))

    @property
    def shown(self) -> str:
        note = " (start_from: ffpp)" if self.before else ""
        return f"`thb {' '.join(Path(w).name if '/' in w else w for w in self.words)}`{note}"


def commands(video: Path | None) -> list[Command]:
    told = "it says so, and refuses nothing"
    found = [
        Command(("prepare", "hallo"), _rendered),
        Command(("split",), _stored),
        Command(("train", "tall", "all"), _stored),
        Command(("train", "caddm", "all"), None, _from_ffpp),
        Command(("train", "container", "all", "--shuffle-labels"), _stored),
        Command(("score", "tall", "all"), _trained("tall")),
        Command(("score", "lipfd", "all", "--shuffle-sound"), _trained("lipfd")),
        Command(("score", "container", "all", "--shuffle-labels"), _stored),
        Command(("explain", "tall"), _trained("tall")),
        Command(("contact",), _stored),
        Command(("evaluate",), _trained("tall")),
        Command(("evaluate", "--variant", "no_artefacts"), _trained("tall")),
        *(Command(("exhibit", name), _resampled) for name in ("table5", "lipsync", "sensitivity")),
        Command(("exhibit", "fig6"), _explained),
        Command(("exhibit", "clips"), _stored),
        Command(("exhibit", "leakage"), _promised),
        Command(("book",), _resampled),
        Command(("data", "status"), _rendered, told=told),
    ]
    travels = "the same scores: all that it needs travels with the weights"
    return [*found, Command(("detect", str(video), "--detector", "tall"), _stored, told=travels)] if video else found


# ---- what comes of it -------------------------------------------------------------------------------


def copied(clone: Path, root: Path) -> None:
    root.mkdir()
    for name in COPIED:
        if (clone / name).exists():
            subprocess.run(["cp", "-r", "--reflink=auto", str(clone / name), str(root)], check=True)


def called(root: Path, words: tuple[str, ...]) -> tuple[int, str, str]:
    """Exit code, what was printed, what was complained of; by the code of the clone itself."""
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "thb", *words],
        cwd=root,
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout, done.stderr.strip()


def judged(command: Command, change: str, root: Path, unchanged: str) -> tuple[str, str]:
    """What it did, and the line that it printed; '' is what it must not do."""
    words = (*command.words, "--json", "-") if command.words[0] == "detect" else command.words
    code, out, said = called(root, words)
    last = said.splitlines()[-1] if said else ""
    if code == 2 and last.startswith("thb: ") and "Traceback" not in said:
        return "refused", last.removeprefix("thb: ")
    if command.words[0] == "detect" and code == 0 and change != "other code" and _scores(out) == _scores(unchanged):
        return "the same scores", f"{len(_scores(out))} scores, to the last digit those of the clone as it was"
    if command.words == ("data", "status") and code == 0:
        told = [line.strip() for line in out.splitlines() if "params.yaml" in line or "other code" in line]
        return "told", told[0] if told else " ".join(out.split())[:200]
    return "", f"exit {code}: {last or ' '.join(out.split())[:200]}"


def _scores(out: str) -> list[object]:
    """Every score in the findings that `detect` prints as JSON."""
    found, waiting = [], [json.loads(out)]
    while waiting:
        node = waiting.pop()
        waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        found += [node["score"]] if isinstance(node, dict) and "score" in node else []
    return found


def tried(clone: Path, chosen: list[Command], folder: Path) -> list[tuple[Command, str, str, str]]:
    """(command, change, what it did, its line); a copy that a command may have written to is made anew."""
    rows, unchanged = [], ""
    if any(command.words[0] == "detect" for command in chosen):
        copied(clone, folder / "as-it-was")
        words = next(c.words for c in chosen if c.words[0] == "detect")
        code, unchanged, said = called(folder / "as-it-was", (*words, "--json", "-"))
        if code:
            sys.exit(f"detect does not work in the clone as it is: {said}")
    root = folder / "thb"
    for change in ("another profile", "another seed", "another setting", "other code"):
        for command in chosen:
            if change == "another setting" and not command.setting:
                continue
            if not root.exists():
                copied(clone, root)
            shutil.copy(clone / "params.yaml", root)
            shutil.copy(clone / "thb" / "core" / "tables.py", root / "thb" / "core")
            if command.before:
                settings(command.before)(root)
            edits: dict[str, Change] = {
                "another profile": settings(_profile),
                "another seed": settings(lambda t: active(t).update(seed=1)),
                "another setting": settings(command.setting or (lambda t: None)),
                "other code": _code,
            }
            edits[change](root)
            did, line = judged(command, change, root, unchanged)
            print(f"{command.shown} | {change} | {did or 'ACCEPTED'} | {line}", flush=True)
            rows.append((command, change, did, line))
            if did != "refused":
                shutil.rmtree(root)
    return rows


def table(rows: list[tuple[Command, str, str, str]]) -> str:
    lines = ["| command | the clone's results are of | it | its line |", "| --- | --- | --- | --- |"]
    ordered = sorted(rows, key=lambda row: [c for c, *_ in rows].index(row[0]))
    for command, change, did, line in ordered:
        escaped = line.replace("|", "\\|")
        lines.append(f"| {command.shown} | {change} | {did or '**did not refuse**'} | {escaped} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--video", type=Path, help="for detect; none: it is left out")
    parser.add_argument("--into", type=Path, default=ROOT / "benchmarks" / "other_origins.md")
    parser.add_argument("--only", default="", help="a command's first word")
    wanted = parser.parse_args()
    chosen = [c for c in commands(wanted.video and wanted.video.resolve()) if wanted.only in ("", c.words[0])]
    with tempfile.TemporaryDirectory() as folder:
        rows = tried(wanted.clone.resolve(), chosen, Path(folder))
    wanted.into.write_text(HEAD + table(rows) + "\n", encoding="utf-8")
    if bad := [row for row in rows if not row[2]]:
        sys.exit(f"{len(bad)} of {len(rows)} were not refused")


HEAD = """# Every command, given what another profile, seed, setting or state of the code made

Printed by `python benchmarks/other_origins.py CLONE --video CLIP`, in copies of a finished clone. "Another
setting" is one that decides on what the command reads; "other code" is one line more in thb/core/tables.py.

"""


if __name__ == "__main__":
    main()
