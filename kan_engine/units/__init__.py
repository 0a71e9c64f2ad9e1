"""Units of columns: what their texts mean, and products of powers of them."""
