"""Forms that a client believes in: their constants and unknown functions are fitted to the rows."""
