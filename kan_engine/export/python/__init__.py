"""Models as a module of plain Python."""
