"""Whether a forgotten dependency of dvc.yaml would be seen: each is struck out in turn, and what is said is counted.

    python benchmarks/struck_deps.py                    # every dependency and setting, and every file of code
    python benchmarks/struck_deps.py --opened CLONE     # also what each stage really opens, in a clone that has run

The second one runs the commands of all stages once more there, and notes which files Python opens on their behalf; of
those none may lie outside what the stage depends on, what it makes, and what EXPLAINED says.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from unittest import mock

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import dvc_deps
from dvc_deps import Stage

from thb.cli import code_lists as lists
from thb.core import code
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root

HOOK = """
import os, sys
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)) and not (arguments[2] or 0) & 3:
        with os.fdopen(os.open(os.environ["THB_OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a") as log:
            log.write(os.path.realpath(os.fsdecode(arguments[0])) + "\\n")
sys.addaudithook(lambda event, arguments: note(event, arguments) if event == "open" else None)
"""

FITS = ("pretrain", "train", "train_without", "label_train", "variant_train")
# Files that stages open and do not depend on: stages, path, why not.
EXPLAINED = [
    ("*", "params.yaml", "data/code holds what counts of it"),
    ("exhibit", "notebooks/*", "data/code holds its hash"),
    ("exhibit", "paper/*", "data/code holds its hash"),
    ("book", "paper/*", "data/code holds its hash"),
    *((fit, "data/*", "data/splits/seen digests what counts of clips and splits") for fit in FITS),
    *((fit, "runs/*/ffpp/*", "start.json beside it says what counts of it") for fit in FITS),
    ("*", "paper/published/*", "names in params.yaml are held against it, or refused"),
    ("*", "thb/*", "data/code holds what counts of it"),
    ("*", "*.pyc", "the same code"),
]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--opened", type=Path, metavar="CLONE", help="a clone that has run, profile and all")
    given = asked.parse_args()
    root = find_root()
    with tempfile.TemporaryDirectory() as scratch:
        stages = dvc_deps.stages(dvc_deps.with_every_stage(root, Path(scratch)))
    params = load(Paths(root).params)
    lacking = [fault for stage in stages for fault in dvc_deps.faults(stage, params)]
    print(f"{len(stages)} stages: {len(lacking)} missing or needless", *lacking, sep="\n  ")
    missed = [*struck(stages, params), *changed(Paths(root), params)]
    print(*missed, sep="\n")
    opened = list(strangers(given.opened)) if given.opened else []
    print(*opened, sep="\n")
    sys.exit(bool(lacking or missed or opened))


def struck(stages: list[Stage], params: Params) -> Iterator[str]:
    """Lines of dvc.yaml whose absence nobody would notice."""
    counts: Counter[str] = Counter()
    for stage in stages:
        for line, poorer in dvc_deps.without(stage):
            kind = "settings" if line in stage.params else "lists of code" if "data/code/" in line else "data"
            counts[f"{kind} struck out"] += 1
            if any("lacks" in fault for fault in dvc_deps.faults(poorer, params)):
                counts[f"{kind} struck out and missed"] += 1
            else:
                yield f"{stage.name}: nobody misses {line}"
    print(*(f"{count:>6} {what}" for what, count in sorted(counts.items())), sep="\n")


def changed(paths: Paths, params: Params) -> Iterator[str]:
    """Files of code that could change without the list of a stage that rests on them."""
    meaning, tried = code._meaning, 0
    for name, (modules, _) in {**lists.bases(params), **lists.documents(paths)}.items():
        before = code.listing(*modules)
        for file in code.files_of(*modules):
            with mock.patch.object(code, "_meaning", lambda path, file=file: meaning(path) + "!" * (path == file)):
                tried += 1
                if code.listing(*modules) == before:
                    yield f"{name}: nobody sees a change of {file.name}"
    print(f"{tried:>6} files of code changed, each seen by the list of its stage")


# ---- what is really opened --------------------------------------------------------------------------


def strangers(clone: Path) -> Iterator[str]:
    """Files of the clone that a stage opens, and that are neither its own nor explained."""
    clone = clone.resolve()
    total = 0
    for stage in dvc_deps.stages(clone):
        opened = {path.relative_to(clone).as_posix() for path in _opened(stage, clone) if path.is_relative_to(clone)}
        own = (*stage.deps, *stage.outs)
        odd = [
            path
            for path in sorted(opened)
            if not (any(f"{path}/".startswith(f"{place}/") for place in own) or _explained(stage, path))
        ]
        total += len(opened)
        yield from (f"{stage.name} opens {path}" for path in odd)
    print(f"{total:>6} files opened by stages")


def _explained(stage: Stage, path: str) -> bool:
    return any(fnmatchcase(stage.kind, kind) and fnmatchcase(path, pattern) for kind, pattern, _ in EXPLAINED)


def _opened(stage: Stage, clone: Path) -> set[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "opened"
        (Path(scratch) / "sitecustomize.py").write_text(HOOK)
        environment = {
            **os.environ,
            "THB_OPENED": str(log),
            "THB_ROOT": str(clone),
            "PYTHONPATH": os.pathsep.join([scratch, str(clone)]),
        }
        for words in stage.commands:
            subprocess.run(
                [sys.executable, "-m", "thb", *words],
                cwd=clone,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return {Path(line) for line in log.read_text(encoding="utf-8").splitlines()}


if __name__ == "__main__":
    main()
