"""Network selection: trials, the moves of the hill climb, their budget."""
