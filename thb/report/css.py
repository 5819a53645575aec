"""For the modules that are not yet notebooks."""

from thb.report.table import _CSS as CSS  # noqa: F401
