"""Model search: laws, networks, the hill climb, evidence for formulas."""
