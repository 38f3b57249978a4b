"""Tests of what the verbs share."""
