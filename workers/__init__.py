"""The processes: Celery app, beat, embedded services and the command line."""
