"""Blobs and tables in the database."""
