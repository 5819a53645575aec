"""Malformed score files of somebody else's detector: each is refused in one line, and nothing is left of it.

    python benchmarks/attacked_submissions.py                 # 500 of them, half a minute
    python benchmarks/attacked_submissions.py --files 100 --seed 3

A lawful file of all clips that test fit `all` is changed: its bytes, its rows (both as benchmarks/attacked_files.py
changes score files), its size, its name, its detector's name, or what kind of thing it is. It is then given to
`thb scores add`. What may be accepted is decided here, by rules written apart from thb's: every clip once, each with
the number that the file says. The exit status is 1 unless nothing wrong was accepted, nothing ended in a traceback,
and nothing was left behind by a refusal.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from attacked_files import BYTES, FINE, OUTCOMES, ROOT, ROWS, of_rows, value

sys.path.append(str(ROOT / "tests"))
import vouching
from hostile import UNSEEN, WORDS

from thb.core import params
from thb.core.errors import ThbError
from thb.core.paths import Paths
from thb.core.tables import TESTED_COLUMNS, read_csv
from thb.submitted import submit
from thb.submitted.submit import Asked

LEFT = "left something behind"
NAME, HOSTILE = "mine", [word for word in [*WORDS, *UNSEEN] if "\0" not in word]


def _name_changed(head: list[str], rows: list[list[str]], rng: random.Random) -> None:
    rng.choice(rows)[0] = rng.choice(HOSTILE)


def _head_changed(head: list[str], rows: list[list[str]], rng: random.Random) -> None:
    head[rng.randrange(len(head))] = rng.choice([*HOSTILE, "score ", "", "clip", "score"])


def _same_number(head: list[str], rows: list[list[str]], rng: random.Random) -> None:
    for row in rows:
        row[1] = rng.choice(["nan", "2", "-1", "=A1", "1,5", "٠", "0x0", "1_0", "", "1e400", "9" * 400])


ROWS_HERE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    **{kind: change for kind, change in ROWS.items() if not kind.startswith(("another ", "all labels", "validation"))},
    "another score": ROWS["another score"],
    "a formula": value("score", "=1+1", "+1", "@SUM(A1)", "-0.5", '=HYPERLINK("https://evil.example")'),
    "a clip's name of markup": of_rows(_name_changed),
    "a column's name": of_rows(_head_changed),
    "every score of one odd kind": of_rows(_same_number),
}
SIZES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a line without an end": lambda b, rng: b + b"a" * (17 << 20),
    "a field beyond csv's limit": lambda b, rng: b + b'"' + b"a" * 200_000 + b'",0.5\n',
    "a million rows": lambda b, rng: b + b"a,1\n" * 1_000_000,
    "a spreadsheet": lambda b, rng: _workbook(b),
    "UTF-16 without its mark": lambda b, rng: b.decode().encode("utf-16-le"),
    "UTF-32": lambda b, rng: b.decode().encode("utf-32"),
}
THINGS = (
    "a device",
    "a pipe",
    "a folder",
    "a folder of odd JSON",
    "no such file",
    "a link to itself",
    "a socket's name",
)
NAMES = "the detector's name"


def _workbook(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", content)
    return held.getvalue()


KINDS = [*BYTES, *ROWS_HERE, *SIZES, *THINGS, *[NAMES] * 5]


@dataclass(frozen=True)
class Case:
    kind: str
    outcome: str
    said: str


def clone(root: Path) -> tuple[Paths, params.Params, bytes]:
    """A clone with the committed list of clips, and a lawful file for it."""
    shutil.copy(ROOT / "params.yaml", root)
    paths, own = Paths(root), params.load(ROOT / "params.yaml")
    vouching.for_tables(paths, own, read_csv(ROOT / "results" / "clips.csv", TESTED_COLUMNS))
    (paths.results / "scores").mkdir()
    rows = [f"{clip},{i % 997 / 997:.5f}\n" for i, (clip, *_) in enumerate(submit.template(paths, own, "all"))]
    return paths, own, ("clip,score\n" + "".join(rows)).encode()


def made(place: Path, kind: str, content: bytes, rng: random.Random) -> Path:
    """A file, or another thing, of that kind."""
    file = place / "mine.csv"
    if kind == "a device":
        return Path(rng.choice(["/dev/zero", "/dev/null", "/dev/urandom"]))
    if kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a folder":
        file.mkdir()
    elif kind == "a folder of odd JSON":
        file.mkdir()
        odd = ["{", "[1]", '{"clip": 1}', "[" * 60_000, '{"clip": "x", "score": 1e999}', " " * 70_000, "\0"]
        (file / "0.json").write_text(rng.choice(odd))
    elif kind == "no such file":
        return place / rng.choice(["gone.csv", "x" * 300, "\udc80half", "a/b/c.csv"])
    elif kind == "a link to itself":
        file.symlink_to(file)
    elif kind == "a socket's name":
        return place / "mine.csv" / "below"
    else:
        change = (BYTES | ROWS_HERE | SIZES).get(kind, lambda b, rng: b)
        file.write_bytes(change(content, rng))
    return file


def lawful(paths: Paths, given: bytes, wanted: bytes) -> bool:
    """Whether what was written down is, clip by clip, what the file says; and is there of every clip that is tested."""
    rows = [row for row in csv.reader(io.StringIO(given.decode("utf-8-sig"))) if row]
    at = rows[0].index("score") if "score" in rows[0] else 1
    said = {row[1 - at]: float(row[at]) for row in rows if row[at] != "score"}
    clips = [line.split(",")[0] for line in wanted.decode().splitlines()[1:]]
    table = pd.read_csv(paths.scores(NAME, "all"), dtype={"clip": str}).set_index("clip")["score"]
    return set(clips) <= set(said) and all(abs(table[clip] - said[clip]) < 1e-9 for clip in clips)


def is_name(name: str) -> bool:
    """Whether it is a letter, then letters, digits, dots, lines and dashes: what no page takes for markup."""
    return name[:1].isalpha() and name.isascii() and name.translate(dict.fromkeys(map(ord, "_.-"), "0")).isalnum()


def tried(paths: Paths, own: params.Params, content: bytes, kind: str, rng: random.Random) -> Case:
    before = {file: file.read_bytes() for file in paths.root.rglob("*") if file.is_file()}
    with tempfile.TemporaryDirectory() as place:
        file = made(Path(place), kind, content, rng)
        name = rng.choice([*HOSTILE, "tall", "TALL", "hallo", "..", "", "mean", "x" * 65]) if kind == NAMES else NAME
        try:
            submit.add(paths, own, file, Asked(name))
        except ThbError as error:
            said = str(error)
            result = OUTCOMES[0] if said and len(said.splitlines()) == 1 and len(said) < 500 else OUTCOMES[3]
        except Exception:
            result, said = OUTCOMES[3], traceback.format_exc().strip().splitlines()[-1]
        else:
            fine = is_name(name) if kind == NAMES else lawful(paths, file.read_bytes(), content)
            result, said = OUTCOMES[1 if fine else 2], repr(name)
            submit.remove(paths, own, name)
    after = {file: file.read_bytes() for file in paths.root.rglob("*") if file.is_file()}
    return Case(kind, result if before == after and not list(paths.root.rglob("*.part")) else LEFT, said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    wanted, began = parser.parse_args(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        paths, own, content = clone(Path(folder))
        cases = [
            tried(paths, own, content, KINDS[n % len(KINDS)], random.Random(f"{wanted.seed}/{n}"))
            for n in range(wanted.files)
        ]
    heads = (*OUTCOMES, LEFT)
    rows = [["changed", "cases", *heads], ["---"] * (2 + len(heads))]
    for kind in dict.fromkeys(KINDS):
        counts = Counter(case.outcome for case in cases if case.kind == kind)
        rows.append([kind, *map(str, (counts.total(), *(counts[head] for head in heads)))])
    total = Counter(case.outcome for case in cases)
    rows.append(["**all**", *map(str, (total.total(), *(total[head] for head in heads)))])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    wrong = [f"- {case.outcome}, {case.kind}: {case.said}" for case in cases if case.outcome not in FINE]
    print(table, *wrong, f"{wanted.files} files, {time.perf_counter() - began:.0f} s", sep="\n")
    if wanted.files == 500:
        left = "\nNot as it should be:\n\n" + "\n".join(wrong) + "\n" if wrong else ""
        text = HEAD.format(**vars(wanted)) + table + "\n" + left
        (ROOT / "benchmarks" / "attacked_submissions.md").write_text(text, encoding="utf-8")
    if wrong:
        sys.exit(f"{len(wrong)} of {len(cases)} were not as they should be")


HEAD = """# Malformed score files of a detector from elsewhere

Printed by `python benchmarks/attacked_submissions.py --seed {seed}`: {files} files and other things, given to
`thb scores add`. What is lawful, rules in that file say, written apart from thb's. Wrong would be
the last three columns.

"""


if __name__ == "__main__":
    main()
