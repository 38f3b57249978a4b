"""Output of jobs, kept as segments that may be written twice."""
