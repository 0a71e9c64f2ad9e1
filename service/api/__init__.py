"""HTTP: routes, and how errors, bodies and pages look."""
