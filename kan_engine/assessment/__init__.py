"""How well candidates predict rows that they were not fitted to, and what follows from it."""
