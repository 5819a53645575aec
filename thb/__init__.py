"""thb: a reproducible paper package for TalkingHeadBench (arXiv 2505.24866)."""

from thb.core import arithmetic

__version__ = "0.1.0"

arithmetic.settle()  # before anything imports numpy or torch
