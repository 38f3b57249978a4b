"""The engine: what a job is, how it starts, is watched and ends. No Celery, no HTTP server."""
