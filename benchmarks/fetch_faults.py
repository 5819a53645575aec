"""How many faults of each kind `thb fetch` was tried with, and how it fared: a table, and exit 1 if any file is wrong.

python benchmarks/fetch_faults.py [rounds]
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import hub_server  # noqa: E402
from huggingface_hub import constants  # noqa: E402

from thb.core.errors import DataError  # noqa: E402
from thb.core.params import Params, load  # noqa: E402
from thb.core.paths import Paths  # noqa: E402
from thb.corpus import fetch  # noqa: E402

RERUNS = 3
KINDS: dict[str, Callable[[random.Random], dict]] = {
    "connection dropped mid-file": lambda dice: {"kind": "drop", "after": dice.randint(0, 20_000)},
    "429 with Retry-After": lambda dice: {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    "429 without": lambda dice: {"kind": "status", "status": 429},
    "500": lambda dice: {"kind": "status", "status": 500},
    "503": lambda dice: {"kind": "status", "status": 503},
    "wrong byte": lambda dice: {"kind": "wrong_byte"},
    "short file": lambda dice: {"kind": "short", "after": dice.randint(0, 4_000)},
    "file too long": lambda dice: {"kind": "long"},
    "length that is not kept": lambda dice: {"kind": "lying", "after": dice.randint(0, 4_000)},
    "no ranges, after a drop": lambda dice: {"kind": "whole"},
    "404": lambda dice: {"kind": "status", "status": 404},
    "hangs": lambda dice: {"kind": "hang"},
}


def main(rounds: int = 20) -> int:
    """Every kind of fault `rounds` times, each in an empty clone; the revision moves on in all of them."""
    params = hurried(load(ROOT / "params.yaml"))
    release = {path: content[:20_000] for path, content in list(hub_server.small_release().items())[:8]}
    release[hub_server.LIST] = hub_server.small_release()[hub_server.LIST]
    print(f"| fault | rounds | faults | whole at once | refused or named, whole after a rerun | wrong |\n{'|---' * 6}|")
    wrong = 0
    for name, make in KINDS.items():
        dice, ends, served = random.Random(name), Counter(), 0
        for _ in range(rounds):
            end, n = one(params, release, name, make, dice)
            ends[end] += 1
            served += n
        wrong += ends["wrong"]
        print(
            f"| {name} | {rounds} | {served} | {ends[1]} | {sum(ends[k] for k in range(2, RERUNS + 2))} "
            f"| {ends['wrong']} |",
            flush=True,
        )
    return int(wrong > 0)


def hurried(params: Params) -> Params:
    quick = params.fetch.model_copy(update={"pause": 0.001, "timeout": 0.2, "retries": 2, "workers": 3})
    return params.model_copy(update={"profile": "paper", "fetch": quick})


def one(params: Params, release: dict[str, bytes], name: str, make, dice: random.Random) -> tuple[int | str, int]:
    """How many runs it took until all was whole ('wrong': it never was), and how many faults were served."""
    with hub_server.serving(release) as server, tempfile.TemporaryDirectory() as folder:
        constants.ENDPOINT = server.url
        constants.HUGGINGFACE_CO_URL_TEMPLATE = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        server.main = hub_server.NEWER
        files = dice.sample(sorted(release), 3)
        if name.startswith("no ranges"):
            server.faults += [hub_server.Fault("drop", file, after=500) for file in files]
        server.faults += [hub_server.Fault(what=file, times=dice.randint(1, 4), **make(dice)) for file in files]
        paths = Paths(Path(folder))
        for run in range(1, RERUNS + 2):
            whole = attempt(paths, params)
            if not sound(paths, release, whole):
                return "wrong", sum(server.tried.values())
            if whole:
                return run, sum(server.tried.values())
            if run == RERUNS:
                server.faults.clear()
        return "wrong", sum(server.tried.values())


def attempt(paths: Paths, params: Params) -> bool:
    """Whether fetch says that all has come; an error must be one line."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            fetch.run(paths, params)
        except DataError as fault:
            if "\n" in str(fault):
                raise
            return False
    return True


def sound(paths: Paths, release: dict[str, bytes], whole: bool) -> bool:
    """Whether every file that has its name holds what the release does, and all are there where they should be."""
    there = {path: content for path, content in release.items() if (paths.raw / path).exists()}
    return all((paths.raw / path).read_bytes() == content for path, content in there.items()) and (
        not whole or there == release
    )


if __name__ == "__main__":
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "THB_RAW_DIR"):
        os.environ.pop(variable, None)
    sys.exit(main(*map(int, sys.argv[1:])))
