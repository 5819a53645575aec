"""Every number that a table or a sentence states."""
