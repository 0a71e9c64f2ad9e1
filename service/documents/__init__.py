"""Documents that several packages read: reports of columns, plans of jobs, summaries of models."""
