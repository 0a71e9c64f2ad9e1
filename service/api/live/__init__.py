"""Events of running jobs."""
