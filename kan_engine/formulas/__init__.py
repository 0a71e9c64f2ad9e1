"""The search for formulas: candidates from many strategies in one pool, one judge, one schedule."""
