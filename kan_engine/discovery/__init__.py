"""Discovery of laws directly from data, without a network."""
