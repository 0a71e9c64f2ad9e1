"""The second process of the service: it takes jobs and trains."""
