"""Command lines that nobody should write: each ends in one line and exit code 2, or does what it says.

    python benchmarks/attacked_commands.py              # some minutes; every command line is a process of its own

A small clone lies in a folder beside things that must stay as they are; a command line is wrong as well if anything
outside of the clone has changed after it. The table goes to attacked_commands.md; the exit status is 1 unless nothing
wrong was accepted and nothing ended otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import weights_made

from thb.core import params
from thb.core.errors import printable
from thb.core.paths import Paths

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ("refused in one line", "accepted and lawful", "accepted and wrong", "traceback")
FINE = OUTCOMES[:2]
LONG = "x" * 5000
SECONDS = 120  # no command line here needs as long
Words = tuple[str | bytes, ...]


@dataclass(frozen=True)
class Line:
    """A command line, and whether it may end well."""

    kind: str
    words: Words
    lawful: bool = False


def lines() -> Iterator[Line]:
    names = {
        "unknown": "nobody",
        "empty": "",
        "control character": "\x1b[31mred",
        "newline": "tall\nall",
        "very long": LONG,
        "path upwards": "../../x",
        "absolute path": "/etc/passwd",
        "dash": "-x",
        "other letters": "Tall",
        "not UTF-8": b"t\xe4ll",
        "turned direction": "\u202ellat",
    }
    for kind, name in names.items():
        yield Line(f"name: {kind}", ("train", name, "all"))
        yield Line(f"fit: {kind}", ("score", "tall", name))
        if kind in ("empty", "control character", "path upwards", "absolute path", "very long", "not UTF-8"):
            yield Line(f"exhibit: {kind}", ("exhibit", name))
            yield Line(f"source: {kind}", ("prepare", name))
        if kind != "empty":  # which is the main corpus
            yield Line(f"variant: {kind}", ("fetch", "--variant", name))
    for kind in ("control character", "newline", "path upwards", "absolute path", "very long", "empty"):
        yield Line(f"fit of detect: {kind}", ("detect", "text.mp4", "--fit", names[kind]))
        yield Line(f"fit of import-weights: {kind}", ("import-weights", "tall", "text.mp4", "--fit", names[kind]))
    for name in ("nobody", "../x", "smoke # x", "a\nb", LONG):
        yield Line("profile", ("profile", name))
    yield Line("profile: the active one", ("profile", "smoke"), lawful=True)
    yield Line("profile: none", ("profile",), lawful=True)
    yield Line("file: none", ("detect",))
    yield Line("file: not there", ("detect", "nobody.mp4"))
    yield Line("file: a text", ("detect", "text.mp4"))
    yield Line("file: empty", ("detect", "empty.mp4"))
    yield Line("file: a FIFO", ("detect", "fifo.mp4"))
    yield Line("file: a device", ("detect", "/dev/null"))
    yield Line("file: not UTF-8", ("detect", b"n\xff.mp4"))
    yield Line("file: a dash", ("detect", "-dash.mp4"))
    yield Line("file: very long", ("detect", LONG))
    yield Line("file: below a file", ("detect", "text.mp4/x.mp4"))
    yield Line("folder: empty", ("detect", "folder"))
    yield Line("--json: a folder", ("detect", "text.mp4", "--json", "folder"))
    yield Line("--json: below a file", ("detect", "text.mp4", "--json", "text.mp4/x.json"))
    yield Line("--json: unwritable", ("detect", "text.mp4", "--json", "/proc/x.json"))
    yield Line("--json: very long", ("detect", "text.mp4", "--json", LONG))
    yield Line("--cam: a file", ("detect", "text.mp4", "--cam", "text.mp4"))
    yield Line("--cam: unwritable", ("detect", "text.mp4", "--cam", "/proc/x"))
    yield Line("--finder", ("detect", "text.mp4", "--finder", "eyes"))
    yield Line("--detector twice", ("detect", "text.mp4", "--detector", "tall", "--detector", "nobody"))
    yield Line("option: unknown", ("detect", "text.mp4", "--speed", "9"))
    yield Line("option: without its value", ("detect", "text.mp4", "--fit"))
    yield Line("option: of another command", ("evaluate", "--verify"))
    yield Line("weights: a text", ("import-weights", "tall", "text.mp4"))
    yield Line("weights: empty", ("import-weights", "tall", "empty.mp4"))
    yield Line("weights: a folder", ("import-weights", "tall", "folder"))
    yield Line("weights: a FIFO", ("import-weights", "tall", "fifo.mp4"))
    yield Line("weights: not there", ("import-weights", "tall", "nobody.pth"))
    for change in ("x=[", "x", "=1", "dim=-1", "dim=many", "x=!!python/name:os.system ''", "dim=1e999"):
        yield Line("--set", ("import-weights", "tall", "text.mp4", "--set", change))
    yield Line("--set twice", ("import-weights", "tall", "text.mp4", "--set", "dim=16", "--set", "dim=32"))
    for jobs in ("-1", "1025", "many", "1.5", "99999999999999999999", ""):
        yield Line("--jobs", ("reproduce", "--jobs", jobs))
    yield Line("command: unknown", ("evaluat",))
    yield Line("command: empty", ("",))
    yield Line("command: not UTF-8", (b"\xff",))
    yield Line("command: twice", ("evaluate", "evaluate"))
    yield Line("command: without its words", ("train",))
    yield Line("command: words too many", ("score", "tall", "all", "all"))
    yield Line("command: with nothing made yet", ("evaluate",))
    yield Line("command: with nothing made yet", ("split",))
    yield Line("shuffled sound of the deaf", ("score", "tall", "all", "--shuffle-sound"))
    yield Line("help", ("detect", "--help"), lawful=True)
    yield Line("version", ("--version",), lawful=True)


def clone(outside: Path) -> Path:
    """Settings, printed tables and untrained weights, beside a stranger's things."""
    (outside / "stranger").mkdir()
    (outside / "stranger" / "x").write_text("mine")
    (outside / "home").mkdir()
    root = outside / "in" / "here" / "thb"
    root.mkdir(parents=True)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (root / "params.yaml").write_text("profile: smoke\n" + text.partition("\n")[2], encoding="utf-8")
    shutil.copytree(ROOT / "paper", root / "paper")
    weights_made.build(Paths(root), params.load(root / "params.yaml"), "tall")
    (root / "text.mp4").write_text("no video")
    (root / "empty.mp4").touch()
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo.mp4")
    return root


def state(outside: Path, root: Path) -> dict[str, tuple[int, int]]:
    """Everything beside the clone."""
    return {
        str(p): (p.lstat().st_size, p.lstat().st_mtime_ns)
        for p in outside.rglob("*")
        if root not in (p, *p.parents) and not p.is_dir()
    }


def outcome(line: Line, outside: Path, root: Path) -> tuple[str, str]:
    """One of OUTCOMES, and what was said."""
    before, settings = state(outside, root), (root / "params.yaml").read_bytes()
    environment = {
        **os.environ,
        "HOME": str(outside / "home"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        "HF_HUB_OFFLINE": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "thb", *line.words],
            cwd=root,
            capture_output=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return OUTCOMES[3], f"no end after {SECONDS} s"
    said = done.stderr.decode("utf-8", "backslashreplace").strip()
    if state(outside, root) != before or (root / "params.yaml").read_bytes() != settings:
        return OUTCOMES[2], f"something else was changed: {said[-200:]}"
    if done.returncode == 0:
        return OUTCOMES[1 if line.lawful else 2], done.stdout.decode(errors="replace")[-200:]
    if done.returncode == 2 and "Traceback" not in said and (_is_one_line(said) or _is_usage(said)):
        return OUTCOMES[0], said.splitlines()[-1]
    return OUTCOMES[3], f"exit {done.returncode}: {said[-300:]}"


def _is_one_line(said: str) -> bool:
    return said.startswith("thb: ") and len(said.splitlines()) == 1


def _is_usage(said: str) -> bool:
    """As typer says that an option or a command is none: three lines of words at most, nothing of Python."""
    lines = [line for line in said.splitlines() if line.strip()]
    return said.startswith(("Usage: ", "Error: ")) and len(lines) <= 3 and "Error: " in said and 'File "' not in said


def table(found: Sequence[tuple[Line, str, str]]) -> str:
    rows = [["command lines", "number", *OUTCOMES], ["---"] * 6]
    for group in dict.fromkeys(line.kind.partition(":")[0] for line, *_ in found):
        counts = Counter(result for line, result, _ in found if line.kind.partition(":")[0] == group)
        rows.append([group, str(counts.total()), *(str(counts[o]) for o in OUTCOMES)])
    total = Counter(result for _, result, _ in found)
    rows.append(["**all**", str(total.total()), *(str(total[o]) for o in OUTCOMES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tried(chosen: Sequence[Line]) -> list[tuple[Line, str, str]]:
    """(line, one of OUTCOMES, what was said) of each."""
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder)
        root = clone(outside)
        return [(line, *outcome(line, outside, root)) for line in chosen]


def main() -> None:
    began, every = time.perf_counter(), list(lines())
    found = tried(every)
    wrong = [
        f"- {result}: {line.kind}: {printable(' '.join(map(str, line.words)))[:100]}: {printable(said)}"
        for line, result, said in found
        if result not in FINE
    ]
    print(table(found), *wrong, f"{len(every)} command lines, {time.perf_counter() - began:.0f} s", sep="\n")
    left = "\nNot as it should be:\n\n" + "\n".join(wrong) + "\n" if wrong else ""
    (ROOT / "benchmarks" / "attacked_commands.md").write_text(
        HEAD.format(len(every)) + table(found) + "\n" + left, encoding="utf-8"
    )
    if wrong:
        sys.exit(f"{len(wrong)} of {len(every)} command lines did not end as they should")


HEAD = """# Command lines that nobody should write

Printed by `python benchmarks/attacked_commands.py`: {} command lines, each a process of its own in a small clone. One
line is thb's own, or typer's word on usage, with exit code 2. Anything changed outside of the clone, or in its
params.yaml, would count as accepted and wrong. Wrong would be the last two columns.

"""


if __name__ == "__main__":
    main()
