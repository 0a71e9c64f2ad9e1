"""What holds for every request: keys, limits, problems, headers."""
