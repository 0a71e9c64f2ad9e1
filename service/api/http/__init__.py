"""Rules that apply to every request: authentication, limits, error responses, headers."""
