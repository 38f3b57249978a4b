"""The way to a host: paramiko behind one small port."""
