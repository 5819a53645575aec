"""Two leaderboards, of detectors and of generators: their entries, editions, and the rule for retiring."""
