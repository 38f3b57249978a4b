"""What the tests stand on: real servers, throw-away accounts, waiting."""
