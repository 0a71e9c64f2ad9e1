"""The search for a model: laws, networks, the hill climb, what speaks for a formula."""
