"""The search for the law behind some rows."""
