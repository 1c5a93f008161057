"""Records that touch the same thing are applied one after another, the others at once."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from payments.lanes import Key, Lane, keys, lanes
from payments.models import Invoice, PaymentRecord
from payments.rules import FoundInvoices
from unit.records import payment_record, truth_record

NOTHING_FOUND = FoundInvoices()

touched = st.frozensets(st.tuples(st.sampled_from(("invoice", "payment")), st.integers(1, 5)))
files = st.lists(touched, max_size=8)


def split(file: list[frozenset[Key]]) -> tuple[dict[int, frozenset[Key]], list[Lane]]:
    """Share out one record for each set of keys."""
    keys_of = dict(enumerate(file, 1))
    return keys_of, lanes([payment_record(number) for number in keys_of], keys_of)


@given(files)
def test_every_record_is_in_exactly_one_lane(file: list[frozenset[Key]]) -> None:
    _, found = split(file)
    numbers = [record.number for lane in found for record in lane]
    assert sorted(numbers) == list(range(1, len(file) + 1))


@given(files)
def test_records_that_share_a_key_are_in_one_lane_in_file_order(
    file: list[frozenset[Key]],
) -> None:
    keys_of, found = split(file)
    lane_of = {record.number: index for index, lane in enumerate(found) for record in lane}
    for one, other in combinations(keys_of, 2):
        if keys_of[one] & keys_of[other]:
            assert lane_of[one] == lane_of[other]
    assert all(lane == sorted(lane, key=lambda record: record.number) for lane in found)


@given(files)
def test_records_share_a_lane_only_if_others_link_them(file: list[frozenset[Key]]) -> None:
    keys_of, found = split(file)
    for lane in found:
        linked = {lane[0].number}
        for _ in lane:
            known = {key for number in linked for key in keys_of[number]}
            linked |= {record.number for record in lane if keys_of[record.number] & known}
        assert linked == {record.number for record in lane}


@given(files)
def test_lanes_begin_in_file_order(file: list[frozenset[Key]]) -> None:
    _, found = split(file)
    first = [lane[0].number for lane in found]
    assert first == sorted(first)


def test_records_are_linked_through_others_even_later_ones() -> None:
    a, b = ("invoice", 1), ("invoice", 2)
    _, found = split([frozenset({a}), frozenset({b}), frozenset({a, b})])
    assert len(found) == 1


def keys_of(record: PaymentRecord, found: FoundInvoices = NOTHING_FOUND) -> set[Key]:
    return set(keys(record, None, found))


def test_a_record_touches_what_it_names() -> None:
    record = payment_record(payment_id=5, external_id="A", invoice_id=3)
    assert keys_of(record) == {("payment", 5), ("external id", "A"), ("invoice", 3)}


def test_a_record_that_names_nothing_touches_nothing() -> None:
    assert keys_of(payment_record()) == set()


def test_a_record_touches_every_invoice_with_its_number() -> None:
    found = FoundInvoices(by_number={"N": (Invoice(3, "N", None), Invoice(4, "N", None)), "M": ()})
    assert keys_of(payment_record(invoice_number="N"), found) == {("invoice", 3), ("invoice", 4)}
    assert keys_of(payment_record(invoice_number="M"), found) == set()


def test_an_invoice_named_by_id_and_by_number_is_the_same() -> None:
    found = FoundInvoices(by_number={"N": (Invoice(3, "N", None),)})
    by_number = keys_of(payment_record(invoice_number="N"), found)
    assert by_number == keys_of(payment_record(invoice_id=3))


def test_a_record_touches_what_the_truth_table_names() -> None:
    record = payment_record(external_id="A", invoice_id=3)
    assert keys(record, truth_record("A", 70, 9), NOTHING_FOUND) == {
        ("external id", "A"),
        ("invoice", 3),
        ("invoice", 9),
        ("payment", 70),
    }
