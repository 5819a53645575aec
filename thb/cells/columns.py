"""What a row of cells.csv and of comparisons.csv holds."""

CELL = ["protocol", "detector", "generator", "metric"]  # what tells one cell from another

# lo and hi hold the luck of clips and of training; sd_seed: how far n_seeds trainings lie apart, where more are known.
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
    "sd_seed",
    "n_seeds",
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
QUESTION = COMPARISON_COLUMNS[: COMPARISON_COLUMNS.index("second") + 1]  # what tells one question from another

CONTAINERS = "containers.csv"  # in results/: the kind of file that each clip is
