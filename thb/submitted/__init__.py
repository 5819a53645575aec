"""Detectors that are here as scores alone: whoever has one gives a file, and it is compared with those trained here."""
