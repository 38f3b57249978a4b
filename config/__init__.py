"""What is configured: settings, hosts, identities. The ground floor."""
