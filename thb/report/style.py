"""For the modules that are not yet notebooks: what stands in `figure` now."""

from thb.report.figure import *  # noqa: F403
