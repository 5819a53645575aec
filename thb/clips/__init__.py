"""What is kept of a clip: frames, faces, sound, in one store a source."""
