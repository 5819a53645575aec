"""CADDM: its network, and the parts that are its alone."""

from thb.detectors.caddm.network import Config, Detector

__all__ = ["Config", "Detector"]
