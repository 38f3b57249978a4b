"""The other side of the HTTP door: what callers install. It imports nothing of the server."""
