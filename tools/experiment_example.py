"""Write book/here/experiment.txt: one setting changed the DVC way, and what moves with it.

    python tools/experiment_example.py        # a minute; what is committed of results/ has to be of the code checked out

The commands are run in a fresh clone, which has no clip and no weights: the stage that computes cells needs neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from thb.core.tables import write_atomic  # noqa: E402

PAGE = ROOT / "book" / "here" / "experiment.txt"
MEANS = r"Path|P3\.(caddm|tall|lipfd|df_adapter)\.T[0-9.]+\.value"  # of some hundred numbers, those that are shown
COMMANDS = (
    "dvc exp run --single-item code evaluate --name linear --set-param metrics.roc=linear",
    "dvc params diff",
    f"dvc metrics diff | grep -E '{MEANS}'",
    "dvc exp list",
    "git checkout -- . && dvc exp remove linear",
)


def main() -> None:
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        binaries = os.pathsep.join([str(Path(shutil.which("dvc") or sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": binaries, "PYTHONPATH": str(clone), "DVC_NO_ANALYTICS": "1"}
        environment.pop("THB_ROOT", None)
        for command in COMMANDS:
            done = subprocess.run(
                command, shell=True, cwd=clone, env=environment, capture_output=True, text=True, check=True
            )
            said += [f"$ {command}", *filter(None, map(str.rstrip, done.stdout.splitlines()))]
    text = "\n".join(said).replace(folder, "") + "\n"
    write_atomic(PAGE, lambda part: part.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
