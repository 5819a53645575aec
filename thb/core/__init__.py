"""What every room stands on: errors, settings, paths, tables, metrics, and what made a result."""
