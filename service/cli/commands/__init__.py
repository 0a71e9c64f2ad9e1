"""Commands: one module per command or resource."""
