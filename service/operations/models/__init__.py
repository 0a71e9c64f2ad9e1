"""Models: exports, plots, cards, comparison."""
