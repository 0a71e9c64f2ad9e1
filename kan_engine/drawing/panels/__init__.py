"""The diagram of a network of few curves, each in a panel that a person can read."""
