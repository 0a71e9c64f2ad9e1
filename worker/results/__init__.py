"""What a job stores: the record, the symbolic document, figures."""
