"""What the demo's ConnectWise is given for somebody's own file."""

from decimal import Decimal

from demo.scene import Wanted, wanted_by
from payments.models import PaymentRecord, RecordXml

NO_XML = RecordXml(b"", (0, 0))


def wanted(*named: tuple[int | None, str | None, str]) -> Wanted:
    """What is wanted by records with these invoice ids, numbers and amounts."""
    return wanted_by(
        PaymentRecord(
            place,
            NO_XML,
            invoice_id=invoice_id,
            invoice_number=number,
            fields={"amount": Decimal(amount)},
        )
        for place, (invoice_id, number, amount) in enumerate(named, start=1)
    )


def test_an_invoice_is_large_enough_for_every_payment_on_it() -> None:
    totals = wanted((7, None, "150"), (7, None, "250"), (8, None, "1")).totals
    assert totals == {7: Decimal(250), 8: Decimal("100.00")}


def test_an_invoice_that_is_named_by_number_gets_an_id_of_its_own() -> None:
    found = wanted((None, "A-1", "1"), (None, "A-2", "1"), (None, "a-1", "1"))
    assert sorted(found.numbers.values()) == ["A-1", "A-2"]


def test_id_and_number_of_one_record_are_one_invoice() -> None:
    assert wanted((7, "A-1", "1"), (None, "A-1", "2")).numbers == {7: "A-1"}


def test_a_record_without_invoice_wants_none() -> None:
    assert wanted((None, None, "1")) == Wanted()


def test_the_samples_invoices_are_known_by_number() -> None:
    assert wanted((None, "INV-210", "1")).numbers == {210: "INV-210"}
