"""Pipelines from rows to an outcome: tables, revisions, densities, equations."""
