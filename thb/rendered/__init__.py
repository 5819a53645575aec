"""The embedded corpus: talking heads rendered on the spot."""
