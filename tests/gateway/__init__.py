"""Tests of ``gateway/``."""
