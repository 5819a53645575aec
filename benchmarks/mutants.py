"""Whether the tests can fail: one line of the core logic is made wrong at a time, and the tests of it are run.

    python benchmarks/mutants.py                        # all of them
    python benchmarks/mutants.py --only metrics         # those of files whose name holds a word
    python benchmarks/mutants.py --tests COMMIT         # with the tests as they were at a commit

Nothing is changed here: this tree is copied, its modules are loaded from the copy, and each mutant is made in a process
that splits off, by putting the changed functions and constants in the place of the loaded ones; so tests that start a
process of their own do not see it. Caught is a mutant whose tests fail. Tests that are not there, or that fail without
any mutant, end the script, and so does a change that changes nothing. It ends with 1 if less than 90 % are caught.
The mutants stand in mutant_list.py.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NoReturn

import pytest
from mutant_list import MUTANTS

ROOT = Path(__file__).resolve().parent.parent
ENOUGH = 0.9
SECONDS = 300  # a mutant may make a loop endless; that is seen too
PASSED, FAILED, NONE_THERE = 0, 1, 5  # of pytest's exit codes
CAUGHT, SURVIVED, NO_TEST = "caught", "survived", "no test"
LOADED = ("results_made", "vouching", "stores", "clips_made")  # of tests/: what most tests begin with


@dataclass(frozen=True)
class Mutant:
    """One line made wrong, and the tests that should see it: arguments of pytest, files below tests/."""

    file: str
    old: str
    new: str
    tests: str

    def __str__(self) -> str:
        return f"{self.file.removeprefix('thb/')}: `{_line(self.old)}` → `{_line(self.new)}`"

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")

    def text(self, whole: str) -> str:
        """The file with the change; refused where it would not be made exactly once."""
        if (times := whole.count(self.old)) != 1:
            raise SystemExit(f"{self.file} holds {self.old!r} {times} times, not once")
        return whole.replace(self.old, self.new)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "(nothing)"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--only", default="", metavar="WORD", help="mutants of files whose name holds this word")
    asked.add_argument("--tests", metavar="COMMIT", help="take tests/ from there")
    given = asked.parse_args()
    chosen = [mutant for mutant in (Mutant(*entry) for entry in MUTANTS) if given.only in mutant.file]
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        tree = Path(scratch)
        copied(tree, given.tests)
        load(tree)
        changed = {mutant: mutant.text((tree / mutant.file).read_text(encoding="utf-8")) for mutant in chosen}
        if not given.tests:
            check_unchanged(tree, chosen)
        found = [tell(mutant, *tried(tree, mutant, changed[mutant])) for mutant in chosen]
    caught = found.count(CAUGHT)
    print(f"\n{caught} of {len(found)} caught ({caught / len(found):.0%})")
    raise SystemExit(caught < ENOUGH * len(found))


# ---- the copy ---------------------------------------------------------------------------------------


def copied(target: Path, tests: str | None) -> None:
    """What git knows of the tree or would add to it, as it is now; tests/ as they were, if a commit is given."""
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not (tests and name.startswith("tests/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())
    if tests:
        with zipfile.ZipFile(io.BytesIO(_git("archive", "--format=zip", tests, "tests"))) as then:
            then.extractall(target)


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


def load(tree: Path) -> None:
    """All of the copy's code that tests begin with, so that no mutant's process has to."""
    sys.path[:0] = [str(tree), str(tree / "tests")]
    os.environ["PYTHONPATH"] = str(tree)
    os.chdir(tree)
    for name in (*dict.fromkeys(Mutant(*entry).module for entry in MUTANTS), *LOADED):
        importlib.import_module(name)
    from thb import detectors
    from thb.core import code

    assert tree.resolve() / "thb" == code.HOME, code.HOME
    for name in detectors.names():
        code.digest(code.DOORS["train"], f"detectors.{name}")
        code.digest(code.DOORS["score"], f"detectors.{name}")


# ---- each mutant ------------------------------------------------------------------------------------


def check_unchanged(tree: Path, mutants: Sequence[Mutant]) -> None:
    """The tests pass without any mutant; or nothing would be told by their failing."""
    for tests in dict.fromkeys(mutant.tests for mutant in mutants):
        code, said = run(tree, tests)
        if code != PASSED:
            raise SystemExit(f"without any mutant, these do not pass: {tests}\n{said}")


def tried(tree: Path, mutant: Mutant, text: str) -> tuple[str, float]:
    """What became of it, and after how many seconds."""
    begun = time.monotonic()
    code, said = run(tree, mutant.tests, mutant, text)
    if code not in (PASSED, FAILED, NONE_THERE):
        raise SystemExit(f"{mutant}: no test of `{mutant.tests}` had its say\n{said}")
    return {PASSED: SURVIVED, FAILED: CAUGHT, NONE_THERE: NO_TEST}[code], time.monotonic() - begun


def tell(mutant: Mutant, what: str, seconds: float) -> str:
    print(f"| {mutant} | {mutant.tests} | {what} | {seconds:.0f} s |", flush=True)
    return what


def run(tree: Path, tests: str, mutant: Mutant | None = None, text: str = "") -> tuple[int, str]:
    """pytest's exit code, and the end of what it said, from a process that splits off."""
    words = [f"tests/{word}" if word.endswith(".py") else word for word in shlex.split(tests)]
    with tempfile.TemporaryFile() as said:
        sys.stdout.flush()
        if not (child := os.fork()):
            _become(tree, words, said.fileno(), mutant, text)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            return FAILED, f"no end after {SECONDS} s"
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read().decode(errors="replace")[-3000:]


def _become(tree: Path, words: list[str], output: int, mutant: Mutant | None, text: str) -> NoReturn:
    """Make the mutant, run pytest, and end."""
    code = 3
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        if mutant:
            put(sys.modules[mutant.module], compile(text, str(tree / mutant.file), "exec"))
        signal.alarm(SECONDS)
        code = int(pytest.main([*words, "-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        sys.stdout.flush()
        os._exit(code)


def put(module: ModuleType, changed: Any) -> None:
    """The changed functions and constants in the place of the loaded ones, whoever has imported those."""
    fresh = ModuleType(module.__name__)
    fresh.__file__ = module.__file__
    sys.modules[module.__name__] = fresh  # dataclasses look there for what their annotations name
    exec(changed, vars(fresh))
    sys.modules[module.__name__] = module
    now, times = _functions(fresh), 0
    for name, function in _functions(module).items():
        if name in now and _told(function) != _told(now[name]):
            function.__code__ = now[name].__code__
            times += 1
    for name, old in list(vars(module).items()):
        new = vars(fresh).get(name)
        if isinstance(old, str | int | tuple | list | dict | set) and not name.startswith("__") and new != old:
            for other in [m for key, m in sys.modules.items() if key.partition(".")[0] == "thb"]:
                if vars(other).get(name) is old:
                    setattr(other, name, new)
            times += 1
    assert times, f"{module.__name__}: the change changes nothing"


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    """By qualified name; methods, properties and cached functions too, but none that stands in another."""
    return {
        one.__qualname__: one
        for one in gc.get_objects()
        if isinstance(one, FunctionType) and one.__globals__ is vars(module) and "<" not in one.__qualname__
    }


def _told(function: FunctionType) -> str:
    """Its constants, names and inner functions, by their own words; addresses and lines do not count."""

    def of(code: Any) -> list:
        return [
            code.co_code,
            code.co_names,
            code.co_varnames,
            [of(c) if hasattr(c, "co_code") else repr(c) for c in code.co_consts],
        ]

    return repr(of(function.__code__))


if __name__ == "__main__":
    main()
