"""Networks of a search: their trials, their training on more rows, and which of them answers."""
