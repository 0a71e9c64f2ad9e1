"""One handler for every kind of job, and their registry."""
