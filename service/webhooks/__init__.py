"""Webhooks without a database or network: which addresses they may go to, and how they are signed."""
