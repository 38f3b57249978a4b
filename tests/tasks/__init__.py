"""The Celery tasks, as callers and operators of Celery meet them."""
