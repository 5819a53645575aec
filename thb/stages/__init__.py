"""The stages of the pipeline, one file each; they speak to each other through files only."""
