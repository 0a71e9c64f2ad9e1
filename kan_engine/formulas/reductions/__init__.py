"""The same problem in fewer or other variables."""
