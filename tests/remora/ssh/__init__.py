"""The way to a host: real sshd, and servers that are not what they should be."""
