"""Find out what belongs together: what shares a key, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable

Key = tuple[str, int | str]
"""Something that a record touches: its kind and its name."""


class Together:
    """Sets of keys that have been joined (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def representative(self, key: Key) -> Key:
        """Return the one key that stands for all that are joined with `key`."""
        while (parent := self._parent.setdefault(key, key)) != key:
            self._parent[key] = self._parent[parent]
            key = parent
        return key

    def join(self, keys: Iterable[Key]) -> None:
        """Join all the keys, and what they have been joined with before."""
        representatives = [self.representative(key) for key in keys]
        for other in representatives[1:]:
            self._parent[self.representative(other)] = self.representative(representatives[0])
