"""Formulas of a search besides those of its law: the front, and sums of terms."""
