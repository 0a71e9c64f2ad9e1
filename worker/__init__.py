"""The worker process: it claims jobs and executes them."""
