"""Whether two clips show the same person, by their faces: aligned, turned into directions, compared in pairs."""
