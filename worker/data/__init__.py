"""From a stored table to the rows of a job."""
