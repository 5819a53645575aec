"""Write book/here/sharing.txt and experiment.txt: what DVC says of fits that travel, and of an experiment.

    python tools/sharing_examples.py CLONE      # some minutes, half a gigabyte beside CLONE; it is left as it is

CLONE has to be finished: `dvc status` in it names no stage but `book`. The commands are run in clones of it, by the
code of its last commit; what they print, or the part of it that the line itself asks for, is what the page shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from thb.core.errors import DataError  # noqa: E402
from thb.core.tables import write_atomic  # noqa: E402

HERE = ROOT / "book" / "here"
SHARED = (
    ("finished", "dvc remote add --local -d shared ../shared"),
    ("finished", "dvc push"),
    (".", "git clone -q finished fresh"),
    ("fresh", "dvc remote add --local -d shared ../shared"),
    ("fresh", "dvc pull | tail -n 1"),
    ("fresh", "thb detect ../clip.mp4 --cam ../heat"),
    ("fresh", "thb book"),
    ("fresh", "cp -rl ../finished/data ."),
    ("fresh", "thb explain tall"),
    ("fresh", "dvc status"),
    ("fresh", "git status --short"),
)
CHANGED = (
    ("finished", "dvc exp run evaluate -n one-run -S detectors.image_stats.defaults.runs=1 | grep -E '^(>|Ran)'"),
    ("finished", "dvc params diff"),
    ("finished", r"dvc metrics diff | tr -s ' ' | grep -E 'P[13]\.image_stats\.(AUC|T1)\.(value|lo|hi)'"),
    ("finished", "dvc plots diff HEAD one-run"),
    ("finished", "git checkout -q params.yaml results dvc.lock && dvc checkout -q && thb code"),
    ("finished", "dvc status evaluate"),
)


def main(clone: Path) -> None:
    """Raises DataError if a command of the two lists fails."""
    with tempfile.TemporaryDirectory(dir=clone.parent, prefix="sharing-") as folder:
        work = Path(folder)
        subprocess.run(["git", "clone", "-q", str(clone), str(work / "finished")], check=True)
        bring(clone, work / "finished")
        shutil.copy(next((clone / "data" / "raw" / "fake" / "Hallo" / "test").glob("*.mp4")), work / "clip.mp4")
        for name, commands in (("sharing.txt", SHARED), ("experiment.txt", CHANGED)):
            text = "".join(told(work, commands, name))
            write_atomic(HERE / name, lambda part, text=text: part.write_text(text, encoding="utf-8"))


def bring(clone: Path, to: Path) -> None:
    """What git does not hold of a finished clone; clips and DVC's cache, which nobody writes to, by links."""
    subprocess.run(["cp", "-al", str(clone / "data"), str(to / "data")], check=True)
    subprocess.run(["cp", "-al", str(clone / ".dvc" / "cache"), str(to / ".dvc" / "cache")], check=True)
    for name in ("data/code", "runs", "results/cams", "book/_executed"):
        shutil.rmtree(to / name, ignore_errors=True)
        shutil.copytree(clone / name, to / name, ignore=shutil.ignore_patterns("seeds"))


def told(work: Path, commands: Iterable[tuple[str, str]], name: str) -> Iterable[str]:
    """Each command and what it says, as a reader would see it who stands in `work`."""
    at = "."
    for place, command in tqdm(commands, desc=name, unit="command", disable=None):
        if place != at:
            yield f"$ cd {os.path.relpath(work / place, work / at)}\n"
            at = place
        yield f"$ {command}\n" + said(work / place, command).replace(f"{work}/", "")


def said(place: Path, command: str) -> str:
    """What one command prints, its progress bars apart."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(place), "DVC_NO_ANALYTICS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DataError(f"`{command}` ended with code {done.returncode}: {done.stderr.strip()[-400:]}")
    lines = (done.stdout + done.stderr).replace("\r", "\n").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip() and "%|" not in line)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve())
