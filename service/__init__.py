"""The REST service: the API, and the owner of all data."""
