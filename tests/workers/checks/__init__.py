"""Tests of the doctor and of health checks."""
