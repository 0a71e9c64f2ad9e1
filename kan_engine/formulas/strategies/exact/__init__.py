"""Laws that hold to rounding error."""
