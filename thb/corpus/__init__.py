"""Where clips come from: names on disk and in lists, turned into rows."""
