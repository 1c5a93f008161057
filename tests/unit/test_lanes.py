"""What shares a key belongs together, directly or through others."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from payments.lanes import Key, Together

File = list[frozenset[Key]]

touched = st.frozensets(st.tuples(st.sampled_from(("invoice", "payment")), st.integers(1, 5)))
files = st.lists(touched, max_size=8)


def lanes(file: File) -> list[list[int]]:
    """Return the records of a file, by their places, as they belong together."""
    together = Together()
    for place, keys in enumerate(file):
        together.join((("record", place), *keys))
    found: dict[Key, list[int]] = {}
    for place in range(len(file)):
        found.setdefault(together.representative(("record", place)), []).append(place)
    return list(found.values())


@given(files)
def test_records_that_share_a_key_belong_together(file: File) -> None:
    lane_of = {place: index for index, lane in enumerate(lanes(file)) for place in lane}
    for one, other in combinations(lane_of, 2):
        if file[one] & file[other]:
            assert lane_of[one] == lane_of[other]


@given(files)
def test_records_belong_together_only_if_others_link_them(file: File) -> None:
    for lane in lanes(file):
        linked = {lane[0]}
        for _ in lane:
            known = {key for place in linked for key in file[place]}
            linked |= {place for place in lane if file[place] & known}
        assert linked == set(lane)


def test_records_are_linked_through_others_even_later_ones() -> None:
    a, b = ("invoice", 1), ("invoice", 2)
    assert lanes([frozenset({a}), frozenset({b}), frozenset({a, b})]) == [[0, 1, 2]]
