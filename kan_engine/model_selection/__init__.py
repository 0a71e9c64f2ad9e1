"""Which network serves: trials, the moves of the hill climb, their budget."""
