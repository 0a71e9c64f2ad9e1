"""Columns of tables: types, encoding, scaling."""
