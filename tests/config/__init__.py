"""Settings, hosts and what is read of other files."""
