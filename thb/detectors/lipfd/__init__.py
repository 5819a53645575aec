"""LipFD: its network, and the parts that are its alone."""

from thb.detectors.lipfd.network import Config, Detector

__all__ = ["Config", "Detector"]
