"""Regular expressions that choose layers and weights by name."""

import re
from typing import Any


def compiled_pattern(where: str, pattern: Any) -> re.Pattern[str]:
    """Return the regular expression, or raise a ValueError."""
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(
            f"[{where}] received the pattern {pattern!r}, which is no regular expression "
            f"({error}); expected one for names, such as 'hidden[12]'"
        ) from error


def matches(pattern: re.Pattern[str], path: str) -> bool:
    """Whether a pattern matches a path, what the path is in, or a part of it, as a whole.

    >>> paths = ["tower/hidden1/kernel", "tower/hidden1", "tower", "hidden1", "hidden"]
    >>> [matches(re.compile(path), "tower/hidden1/kernel") for path in paths]
    [True, True, True, True, False]
    """
    parts = path.split("/")
    heads = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return any(map(pattern.fullmatch, [*heads, *parts]))
