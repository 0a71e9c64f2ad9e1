"""What is said of a model: summaries, warnings, which member answers."""
