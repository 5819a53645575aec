"""What a row of cells.csv and of comparisons.csv holds."""

CELL_COLUMNS = [
    "corpus",
    "profile",
    "protocol",
    "detector",
    "generator",
    "metric",
    "value",
    "lo",
    "hi",
    "n_real",
    "n_fake",
    "resolvable",
    "printed",
]
# Whether `first` lies above `second`, both of what `question` names; its own column is empty, and `mean` is over all.
# The interval is of one question by itself; p_holm and the verdict heed all that are asked alike.
COMPARISON_COLUMNS = [
    "question",
    "protocol",
    "detector",
    "generator",
    "metric",
    "first",
    "second",
    "first_value",
    "difference",
    "lo",
    "hi",
    "p_holm",
    "left_out",
    "verdict",
]
