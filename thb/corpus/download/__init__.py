"""The published dataset's files, from the Hub or a copy at hand, each checked by its hash."""
