"""thb: a reproducible paper package for TalkingHeadBench (arXiv 2505.24866)."""

__version__ = "0.1.0"
