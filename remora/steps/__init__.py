"""What is done at a host: each step may run twice."""
