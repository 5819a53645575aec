"""The simulated generators: one file each, found by its name, which is the source's name in params.yaml."""

import importlib
import pkgutil

from thb.core.errors import ParamsError, unknown
from thb.rendered.fakes.generator import Generator


def known() -> list[str]:
    """Names of the files in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Generator:
    """The simulated generator of this name."""
    if name not in known():
        raise ParamsError(unknown("simulated generator", name, known()))
    return importlib.import_module(f"{__name__}.{name}").Simulation()
