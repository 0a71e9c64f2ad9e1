"""Converts a stored table to the encoded and split rows of a job."""
