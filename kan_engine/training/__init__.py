"""Training of networks: the loop, optimisers, losses, penalties."""
