"""Everything that follows from score files, without DVC, torch or a clip: cells, exhibits, the book."""

from __future__ import annotations

import sys
import time
from contextlib import closing

from thb.cli.leash import ASKED, TOLD, Leashes, load_ahead
from thb.cli.reproduce import environment, last_words, stopped_by_signals, walk
from thb.core.errors import DataError
from thb.core.folders import alone
from thb.core.params import Params
from thb.core.paths import Paths, variant_option
from thb.core.tables import disk_errors


def commands(params: Params) -> dict[str, set[str]]:
    """Each command, and those that come before it."""
    variants = params.ablations if params.active.corpus == "mini" else ()
    cells = [*(f"thb evaluate{variant_option(name)}" for name in ("", *variants)), "thb reencode-cells"]
    exhibits = [f"thb exhibit {name}" for name in params.exhibits]
    return {name: set() for name in cells} | {name: set(cells) for name in exhibits} | {"thb book": set(exhibits)}


def run(paths: Paths, params: Params) -> None:
    """Run them side by side, one a core. Raises DataError if one fails; the others that do not need it are run."""
    needs, done, start = commands(params), 0, time.monotonic()
    with disk_errors(paths.reproducing):
        paths.reproducing.parent.mkdir(parents=True, exist_ok=True)
    load_ahead()
    with (
        alone(paths.reproducing, "everything in this clone", ASKED + TOLD) as lock,
        closing(Leashes(paths.root, environment(), lock)) as leashes,
        stopped_by_signals(leashes),
    ):

        def work(command: str) -> None:
            nonlocal done
            began = time.monotonic()
            code, said = leashes.run([command], False, {})
            if code:
                raise DataError(f"{command} failed: {last_words(said, code)}")
            done += 1
            print(f"  {done:>3}/{len(needs)}  {command:<40} {time.monotonic() - began:6.1f} s", flush=True)

        print(f"profile {params.profile}: {len(needs)} commands, {leashes.lanes} side by side", flush=True)
        walk(needs, work, leashes.lanes)
    print(f"recomputed after {(time.monotonic() - start) / 60:.1f} min", file=sys.stdout)
