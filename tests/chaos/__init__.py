"""Faults at random moments, and an oracle that knows what must come out of it."""
