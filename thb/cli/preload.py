"""What our commands import, loaded by the server that they are forked from when it imports this file.

None of it starts a thread or looks for a GPU while it is imported. What cannot be imported is left to the command that
asks for it, which then says so.
"""

from __future__ import annotations

import importlib
from contextlib import suppress

from thb.core import code
from thb.detectors.parts import torch_ready

LIBRARIES = (
    *("tqdm.auto", "pandas", "scipy.stats", "sklearn.linear_model", "sklearn.metrics", "cv2", "av", "pyarrow.parquet"),
    *("safetensors.torch", "matplotlib.pyplot", "seaborn", "papermill", "ipykernel.kernelapp"),
    *("thb.cli.main", "thb.clips.prepare", "thb.fits.train", "thb.fits.score", "thb.cams.explain"),
    *("thb.cells.evaluate", "thb.book.exhibit", "thb.report"),
)

for name in LIBRARIES:
    with suppress(Exception):
        importlib.import_module(name)
with suppress(Exception):
    torch_ready.backbone("timm")
for door in code.DOORS.values():  # each command asks for the digest of code that others, too, rest on
    code.digest(door)
