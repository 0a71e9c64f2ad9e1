"""The handlers of all kinds of jobs, and their registry."""
