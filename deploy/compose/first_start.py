"""What the compose file runs before Redis: it makes the password of Redis, and tells Redis only its digest.

A second run gives the same. The password lies in the state volume, for our own processes; the digest in a volume of its
own, as Redis runs as another user.
"""

import os
from hashlib import sha256
from pathlib import Path

from config.home import find_home

USERS = Path("/var/lib/redis-users/users.acl")
"""Users of Redis: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/."""


def users(password: str) -> str:
    """Give the users: ourselves, and one who can only be answered, for the health check."""
    digest = sha256(password.encode()).hexdigest()
    return f"user default on #{digest} ~* &* +@all\nuser health on nopass -@all +ping\n"


def main() -> None:
    """Write the file whole or not at all."""
    draft = USERS.with_name(f".{USERS.name}")
    draft.write_text(users(find_home(os.environ).redis_password()))
    draft.chmod(0o444)
    draft.replace(USERS)


if __name__ == "__main__":
    main()
