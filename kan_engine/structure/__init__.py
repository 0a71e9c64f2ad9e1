"""Structure search: batched fits of small networks, and backward elimination of edges."""
