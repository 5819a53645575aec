"""How long a command takes, how much memory its largest process and how much disk: a row of commands.csv.

python benchmarks/commands.py recompute thb verify --recompute     # in the clone that it is to be run in
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from thb.book import provenance
from thb.book.reviewing import TIME_COLUMNS, TIMES
from thb.core.errors import DataError
from thb.core.paths import find_root
from thb.core.tables import read_csv, write_csv
from thb.review.telling import system

KEPT = Path(__file__).resolve().parent.parent / TIMES


def main(name: str, *words: str) -> None:
    """Run it, and put what it took in the place of what the same name took before; a command that fails is not kept."""
    root, before, start = find_root(), size(find_root()), time.monotonic()
    code = subprocess.run(words, check=False).returncode
    seconds = time.monotonic() - start
    if code:
        raise DataError(f"`{' '.join(words)}` ended with code {code}; its time is not kept")
    machine = system()
    row = {
        "name": name,
        "command": " ".join(words),
        "seconds": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000,
        "written_mb": max(size(root) - before, 0) / 1e6,  # a command may clear away more than it writes
        "cores": len(os.sched_getaffinity(0)),
        "processor": machine.get("processor", machine["machine"]),
        "python": platform.python_version(),
        "commit": provenance.commit(root),
    }
    known = read_csv(KEPT, TIME_COLUMNS) if KEPT.is_file() else pd.DataFrame(columns=TIME_COLUMNS)
    rows = pd.concat([known[known["name"] != name], pd.DataFrame([row])])
    write_csv(rows.sort_values("name"), KEPT, TIME_COLUMNS, digits=4)
    print(row)


def size(root: Path) -> int:
    """Bytes of all files below a folder, the environment apart."""
    return sum(
        file.lstat().st_size
        for file in root.rglob("*")
        if file.is_file() and not file.is_symlink() and ".venv" not in file.parts
    )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except DataError as fault:
        sys.exit(str(fault))
