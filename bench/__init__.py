"""Measurements of the whole system beside other tools, in one run on one machine."""
