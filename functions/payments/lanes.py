"""Share records out so that those which belong together are applied one after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Key = tuple[str, int | str]
"""Something that a record touches: its kind and its name."""

_Numbered = TypeVar("_Numbered")


def lanes(
    records: Iterable[tuple[_Numbered, frozenset[Key]]],
) -> list[tuple[list[_Numbered], set[Key]]]:
    """Group records that share a key, directly or through others, each group in file order.

    Returns each group with all its keys; the groups are in the order of their first records.
    """
    wanted = list(records)
    together = _Together()
    for _, touched in wanted:
        together.join(touched)
    found: dict[Key, tuple[list[_Numbered], set[Key]]] = {}
    for place, (record, touched) in enumerate(wanted):
        own = next(iter(touched), ("place", place))
        group, all_keys = found.setdefault(together.representative(own), ([], set()))
        group.append(record)
        all_keys |= touched
    return list(found.values())


class _Together:
    """Sets of keys that have been joined (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def representative(self, key: Key) -> Key:
        while (parent := self._parent.setdefault(key, key)) != key:
            self._parent[key] = self._parent[parent]
            key = parent
        return key

    def join(self, keys: Iterable[Key]) -> None:
        representatives = [self.representative(key) for key in keys]
        for other in representatives[1:]:
            self._parent[self.representative(other)] = self.representative(representatives[0])
