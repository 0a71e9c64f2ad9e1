"""What a client can ask for, one function per request."""
