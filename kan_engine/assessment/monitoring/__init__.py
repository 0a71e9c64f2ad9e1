"""Whether a model still holds on labelled rows that came after its training."""
