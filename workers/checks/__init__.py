"""Whether everything is as it should be: for operators, for health checks, for `remora up` itself."""
