"""Which rows to measure next."""
