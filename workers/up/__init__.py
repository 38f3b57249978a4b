"""What `remora up` runs on one machine: the parts, kept alive and ended together."""
