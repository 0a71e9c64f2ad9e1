"""Commands: one module each, or one for a resource."""
