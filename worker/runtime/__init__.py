"""The processes of a worker: Celery app, process pool, dispatcher, housekeeping."""
