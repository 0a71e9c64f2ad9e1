"""Options for the fields of requests, and how they are typed."""
