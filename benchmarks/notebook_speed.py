"""How long each kind of notebook takes alone, by papermill's own command, with a parameter changed and without torch.

    python benchmarks/notebook_speed.py               # every kind
    python benchmarks/notebook_speed.py radar claims_ledger

Needs the results of a run. A module named torch that refuses to be imported stands first on the path, so a notebook
that asks for torch fails here. Printed as one table; exit code 1 if a notebook failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from thb.core.errors import ParamsError, unknown
from thb.core.paths import find_root

# Parameters unlike those of any exhibit; a kind that is not listed is run as it is.
CHANGED = {
    "ablation_table": {"metric": "T1"},
    "attention_table": {"by": "generator", "detectors": ["tall"]},
    "claims_ledger": {"section": "4.3"},
    "comparison": {"reference": "later"},
    "control_table": {"metrics": ["Brier"], "solved": 0.8},
    "findings": {"metrics": ["EER"]},
    "generator_means": {"metric": "AUC", "palette": "bright"},
    "gradcam_panel": {"detector": "caddm", "protocols": ["P2"], "rules": ["missed_fake"], "palette": "viridis"},
    "hard_table": {"protocol": "P2"},
    "leakage_table": {"protocols": ["P2"]},
    "pipeline": {"palette": "muted"},
    "pointing_table": {"detectors": ["lipfd"], "protocols": ["P2"]},
    "protocol_means": {"metric": "AUC", "palette": "muted"},
    "protocol_table": {"protocol": "ffpp", "metrics": ["EER", "Brier"]},
    "benchmarks_table": {"palette": "bright"},
    "published_models": {"table": 2, "palette": "bright"},
    "radar": {"metric": "AUC", "palette": "bright"},
    "sensitivity_table": {"metric": "AUC", "questions": ["reals", "pool"]},
    "settings_table": {"detectors": ["lipfd"]},
    "sound_check": {"detector": "lipfd"},
    "swap_table": {"metrics": ["T1"], "palette": "muted"},
    "tpr_curve": {"detectors": ["caddm", "lipfd"]},
    "transitions": {"sure": 0.8, "threshold": "T1"},
}
NO_TORCH = 'raise ImportError("a notebook asked for torch")\n'


def main() -> int:
    root = find_root()
    kinds = sorted(path.stem for path in (root / "notebooks").glob("*.ipynb"))
    asked = _arguments().kinds or kinds
    for kind in asked:
        if kind not in kinds:
            raise ParamsError(unknown("notebook", kind, kinds))
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "torch.py").write_text(NO_TORCH)
        return max(_timed(root, Path(scratch), kind) for kind in asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="a notebook's name; none: all")
    return parser.parse_args()


def _timed(root: Path, scratch: Path, kind: str) -> int:
    """Run one notebook and print its line; 0 if it did what was asked."""
    command = [
        sys.executable,
        "-m",
        "papermill",
        f"notebooks/{kind}.ipynb",
        str(scratch / f"{kind}.ipynb"),
        "-y",
        json.dumps({**CHANGED.get(kind, {}), "save": str(scratch / kind)}),
        "--no-progress-bar",
    ]
    path = os.pathsep.join(filter(None, (str(scratch), os.environ.get("PYTHONPATH"))))
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    whole = done.returncode == 0 and all((scratch / f"{kind}.{end}").is_file() for end in ("csv", "svg", "pdf", "png"))
    print(
        f"{kind:<20} {seconds:5.1f} s  {json.dumps(CHANGED.get(kind, {}))}"
        + ("" if whole else f"  FAILED\n{done.stderr}"),
        flush=True,
    )
    return int(not whole)


if __name__ == "__main__":
    sys.exit(main())
