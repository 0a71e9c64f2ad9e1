"""Documents about a model: summaries, warnings, and the member that answers."""
