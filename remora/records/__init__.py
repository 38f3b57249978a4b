"""The truth, in Redis: every change is one atomic script."""
