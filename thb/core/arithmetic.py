"""The same numbers on every x86-64 processor: libraries are told which code to run before they are loaded.

Left alone, each takes the fastest code for the processor that it finds. That code adds up in another order, training
magnifies the last digit, and the same commands give other weights, with scores that differ by tenths, on the machine of
the next reviewer.
"""

from __future__ import annotations

import os
import platform
from collections.abc import MutableMapping
from pathlib import Path

CHOICES = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # its convolutions
    "MKL_CBWR": "COMPATIBLE",  # its matrix products; any other choice is another one where the maker is not Intel
    "OPENBLAS_CORETYPE": "Haswell",  # the products of numpy and scipy, and in how many parts they are summed
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy's exp, log and powers
}
PROCESSORS = Path("/proc/cpuinfo")


def settle(environment: MutableMapping[str, str] = os.environ, processors: Path = PROCESSORS) -> None:
    """Make these choices, where the user has made none; not on processors that cannot run the code they name."""
    if platform.machine() == "x86_64" and processors.is_file() and " avx2 " in processors.read_text():
        for name, choice in CHOICES.items():
            environment.setdefault(name, choice)
