"""Delivery of webhooks: claims messages of the outbox, signs them, and sends them to public addresses."""
