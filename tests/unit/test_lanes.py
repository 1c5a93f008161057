"""Records that touch the same thing are applied one after another, the others at once."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from payments.lanes import Key, lanes

File = list[frozenset[Key]]

touched = st.frozensets(st.tuples(st.sampled_from(("invoice", "payment")), st.integers(1, 5)))
files = st.lists(touched, max_size=8)


def split(file: File) -> list[list[int]]:
    """Return the lanes of a file, by its records' places."""
    return [records for records, _ in lanes(enumerate(file))]


@given(files)
def test_every_record_is_in_exactly_one_lane(file: File) -> None:
    assert sorted(place for lane in split(file) for place in lane) == list(range(len(file)))


@given(files)
def test_records_that_share_a_key_are_in_one_lane_in_file_order(file: File) -> None:
    found = split(file)
    lane_of = {place: index for index, lane in enumerate(found) for place in lane}
    for one, other in combinations(lane_of, 2):
        if file[one] & file[other]:
            assert lane_of[one] == lane_of[other]
    assert all(lane == sorted(lane) for lane in found)


@given(files)
def test_records_share_a_lane_only_if_others_link_them(file: File) -> None:
    for lane in split(file):
        linked = {lane[0]}
        for _ in lane:
            known = {key for place in linked for key in file[place]}
            linked |= {place for place in lane if file[place] & known}
        assert linked == set(lane)


@given(files)
def test_lanes_begin_in_file_order(file: File) -> None:
    first = [lane[0] for lane in split(file)]
    assert first == sorted(first)


@given(files)
def test_a_lane_has_all_keys_of_its_records(file: File) -> None:
    for records, keys in lanes(enumerate(file)):
        assert keys == set().union(*(file[place] for place in records))


def test_records_are_linked_through_others_even_later_ones() -> None:
    a, b = ("invoice", 1), ("invoice", 2)
    assert split([frozenset({a}), frozenset({b}), frozenset({a, b})]) == [[0, 1, 2]]
