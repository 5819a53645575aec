"""Write requirements.lock and environment.yml from the packages of the running environment.

make lock      # in a fresh environment made from pyproject.toml's ranges
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Exact versions that were tested together; written by `make lock`, never by hand.
# No hosts and no hashes: the list is the same for a CPU and a CUDA build of torch.
"""


def pins() -> list[str]:
    """name==version of every installed package but this one and pip, without local build tags such as +cpu."""
    freeze = [sys.executable, "-m", "pip", "freeze", "--all", "--exclude", "pip", "--exclude-editable"]
    frozen = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout
    wanted = [line.split("+")[0] for line in frozen.splitlines() if "==" in line]
    return sorted((pin for pin in wanted if not pin.startswith("thb==")), key=str.lower)


def main() -> None:
    found = pins()
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(found) + "\n", encoding="utf-8")
    conda = {"name": "thb", "channels": ["conda-forge"], "dependencies": ["python=3.11", "pip", {"pip": found}]}
    note = "# For conda users: the same pins as requirements.lock (a test holds them equal). The solve is not tested.\n"
    (ROOT / "environment.yml").write_text(note + yaml.safe_dump(conda, sort_keys=False), encoding="utf-8")
    print(f"{len(found)} pins")


if __name__ == "__main__":
    main()
