"""Results of a job: record, symbolic document, figures."""
