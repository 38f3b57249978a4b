"""Host name patterns of OpenSSH: ``*``, ``?``, and in lists ``!``."""

import re
from collections.abc import Iterable


def matches(pattern: str, name: str) -> bool:
    """Tell whether ``name`` fits a pattern; case counts, brackets mean nothing."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, name) is not None


def any_matches(patterns: Iterable[str], name: str) -> bool:
    """Tell whether ``name`` fits one of the patterns and none that is negated with ``!``."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(pattern[1:], name):
                return False
        elif matches(pattern, name):
            found = True
    return found
