"""Write book/here/own-detector.txt: a detector that exists only as scores, from the template to its removal.

    python tools/submit_example.py            # half a minute; results/ has to be of the code that is checked out

The commands are run in a copy of this clone; what they print is what the page shows. The detector is the plain mean
of what the networks at hand gave each clip.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from thb.cells.columns import CELL_COLUMNS  # noqa: E402
from thb.core.params import load  # noqa: E402
from thb.core.paths import Paths  # noqa: E402
from thb.core.tables import SCORE_COLUMNS, read_csv, write_atomic  # noqa: E402

PAGE = ROOT / "book" / "here" / "own-detector.txt"


def main() -> None:
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "clone")
        for name in ("results", "paper"):
            shutil.copytree(ROOT / name, paths.root / name)
        shutil.copy(ROOT / "params.yaml", paths.root)
        mine = Path(folder) / "mine.csv"
        template = run(paths, said, "scores template", shown=" > mine.csv", quiet=True)
        fill(paths, template, mine, leave_out=1)
        run(paths, said, f"scores add {mine} --detector mine")
        fill(paths, template, mine)
        run(paths, said, f"scores add {mine} --detector mine --meta by=us")
        run(paths, said, "evaluate")
        run(paths, said, "scores list")
        cells = read_csv(paths.cells, CELL_COLUMNS, as_text=True)
        cells = cells[(cells["detector"] == "mine") & (cells["protocol"] == "P1") & (cells["metric"] == "AUC")]
        cells.loc[:, ["value", "lo", "hi"]] = cells[["value", "lo", "hi"]].map(lambda number: number[:6])
        said += ["$ grep '^[^,]*,[^,]*,P1,mine,.*,AUC' results/cells.csv", *map(",".join, cells.to_numpy())]
        run(paths, said, "scores remove mine")
    text = "\n".join(said).replace(str(mine.parent) + "/", "") + "\n"
    write_atomic(PAGE, lambda part: part.write_text(text, encoding="utf-8"))


def run(paths: Paths, said: list[str], command: str, shown: str = "", quiet: bool = False) -> str:
    """Run `thb` there and note what it says; a refusal is an answer, too."""
    words = [sys.executable, "-m", "thb", *command.split()]
    environment = {**os.environ, "THB_ROOT": str(paths.root), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    said.append(f"$ thb {command}{shown}")
    if not quiet:
        said += (done.stdout + done.stderr).splitlines()
    return done.stdout


def fill(paths: Paths, template: str, file: Path, leave_out: int = 0) -> None:
    """The mean over networks in the column `score`; the first clips are left out."""
    params = load(paths.params)
    networks = [name for name, entry in params.detectors.items() if entry.printed]
    tables = [read_csv(paths.scores(name, "all"), SCORE_COLUMNS).set_index("clip")["score"] for name in networks]
    mean = pd.concat(tables, axis=1).mean(axis=1)
    head, *rows = csv.reader(template.splitlines())
    rows = [[clip, f"{mean[clip]:.6f}", *others] for clip, _, *others in rows]
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened, lineterminator="\n").writerows([head, *rows[leave_out:]])


if __name__ == "__main__":
    main()
