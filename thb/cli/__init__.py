"""The command line, and what runs the graph of stages."""
