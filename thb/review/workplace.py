"""A clone within this one, with the same clips, where fits are trained without touching those that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import read_json


def made(paths: Paths, root: Path) -> Paths:
    """A clone that shares our clips and has neither fits nor scores."""
    own = Paths(root)
    shutil.copy(paths.params, own.params)
    own.results.mkdir()
    for name in (paths.tested_record.name, *read_json(paths.tested_record)["files"]):
        shutil.copy(paths.results / name, own.results)
    for name in ("data", "paper"):
        (root / name).symlink_to(paths.root / name)
    return own


def thb(own: Paths, *words: str, log: Path | None = None) -> None:
    """Run a command there, on this screen or into a log; DataError if it fails."""
    command, env = [sys.executable, "-m", "thb", *words], {**os.environ, "THB_ROOT": str(own.root)}
    if log is None:
        print(f"thb {' '.join(words)}", flush=True)
        code, where = subprocess.run(command, env=env).returncode, "above"
    else:
        with log.open("ab") as said:
            code, where = subprocess.run(command, env=env, stdout=said, stderr=said).returncode, f"in {log}"
    if code:
        raise DataError(f"`thb {' '.join(words)}` ended with code {code}; what it said stands {where}")
