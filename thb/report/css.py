"""For the modules that are not yet notebooks."""

from thb.report.table import CSS  # noqa: F401
