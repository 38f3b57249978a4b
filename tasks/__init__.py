"""The Celery tasks: each a short step that may be run twice, calling the engine."""
