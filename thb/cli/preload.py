"""What our commands import, loaded by the server that they are forked from when it imports this file.

None of it starts a thread or looks for a GPU while it is imported. What cannot be imported is left to the command that
asks for it, which then says so.
"""

from __future__ import annotations

import gc
import importlib
import os
from contextlib import suppress

from thb.core import code

TORCH = "thb.detectors.parts.torch_ready"  # before any library that stands on it
LIBRARIES = (
    TORCH,
    *("tqdm.auto", "pandas", "scipy.stats", "sklearn.linear_model", "sklearn.metrics", "cv2", "av", "pyarrow.parquet"),
    *("safetensors.torch", "matplotlib.pyplot", "seaborn", "papermill"),
    # what a kernel, and a figure's first file of each kind, would load anew in every process
    *("ipykernel.kernelapp", "ipykernel.debugger", "ipykernel.kernelspec", "tornado.platform.asyncio"),
    *("matplotlib.backends.backend_svg", "matplotlib.backends.backend_pdf", "pandas.io.formats.html"),
    *("thb.cli.main", "thb.clips.prepare", "thb.fits.train", "thb.fits.score", "thb.cams.explain"),
    *("thb.cells.evaluate", "thb.book.exhibit", "thb.report"),
)

os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else the kernel's debugger warns as it is imported
for name in LIBRARIES:
    with suppress(Exception):
        importlib.import_module(name)
with suppress(Exception):
    importlib.import_module(TORCH).backbone("timm")
with suppress(Exception):
    importlib.import_module("PIL.Image").preinit()  # its common formats
with suppress(Exception):
    nbformat = importlib.import_module("nbformat")
    nbformat.validate(nbformat.v4.new_notebook())  # compiles the schema
for door in code.DOORS.values():  # each command asks for the digest of code that others, too, rest on
    code.digest(door)
gc.freeze()  # what all of them share is not searched for garbage in every one
