"""The renderer: a head in front of a background, frame by frame."""
