"""Jobs: checks, cost estimates, the life cycle."""
