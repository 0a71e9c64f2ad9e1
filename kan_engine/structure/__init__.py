"""Which small network: batched fits, search, backward elimination."""
