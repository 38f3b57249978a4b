"""The compose file, brought up for real: `make compose-check`."""
