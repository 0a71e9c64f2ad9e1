"""The processes of a worker: Celery, the pool, the dispatcher, housekeeping."""
