"""For whoever checks the numbers: what a rerun agrees with, where a number comes from, scores from elsewhere."""
