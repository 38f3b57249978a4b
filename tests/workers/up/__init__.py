"""Tests of what `remora up` runs."""
