"""Table columns: types, encoding, scaling."""
