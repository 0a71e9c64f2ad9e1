"""Which columns of a wide table the search reads."""
