"""Laws found beside networks."""
