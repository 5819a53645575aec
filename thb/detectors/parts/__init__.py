"""What detectors are made of: shared parts, and pieces of one detector that would crowd its own file."""
