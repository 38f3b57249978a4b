"""What the verbs of the command line share: the way to the server, output, exit codes."""
