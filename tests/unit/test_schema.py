"""The XML Schema of the input file says what the reader says."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, parse

import pytest
from xmlschema import XMLSchema

from payments.files.record import KNOWN, REFERENCE_PARTS
from payments.payment_fields import WRITABLE, Kind
from unit.payment_files import SAMPLE, document, payment, record, records

EVENTS = Path(__file__).parents[2] / "events"
FILE = EVENTS / "invoice-payments.xsd"
SCHEMA = XMLSchema(FILE)
SAMPLES = sorted(EVENTS.glob("*.xml"))
XS = "{http://www.w3.org/2001/XMLSchema}"
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
FIELDS = {field.name: field.kind for field in WRITABLE}
TYPES = {
    Kind.AMOUNT: "amount",
    Kind.DAY: "day",
    Kind.TEXT: "text",
    Kind.REFERENCE: "reference",
}


def elements_of(type_name: str) -> list[Element]:
    """Return what the schema declares inside of a type."""
    (found,) = parse(FILE).findall(f"{XS}complexType[@name='{type_name}']")
    return list(found.iter(f"{XS}element"))


def is_valid(content: bytes) -> bool:
    """Tell whether the schema takes a file."""
    return SCHEMA.is_valid(content.decode())


def test_the_names_are_the_readers() -> None:
    payment_names = [element.get("name") for element in elements_of("InvoicePayment")]
    assert sorted(payment_names, key=str) == sorted(KNOWN)
    reference_names = [element.get("name") for element in elements_of("reference")]
    assert sorted(reference_names, key=str) == sorted(REFERENCE_PARTS)


def test_what_is_sent_has_the_type_of_its_kind() -> None:
    declared = {
        element.get("name"): element.get("type") for element in elements_of("InvoicePayment")
    }
    assert {name: declared[name] for name in FIELDS} == {
        name: TYPES[kind] for name, kind in FIELDS.items()
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_of_every_sample_it_takes_the_records_that_the_reader_takes(sample: Path) -> None:
    """All of them, but for the sample whose errors are to be seen."""
    wrong = {error.path and error.path.split("/")[2] for error in SCHEMA.iter_errors(sample)}
    assert wrong == {
        f"InvoicePayment[{read.number}]" for read in records(sample.read_bytes()) if read.errors
    }
    assert bool(wrong) == (sample.name == "payments-with-errors.xml")


def test_there_are_samples() -> None:
    assert SAMPLES
    assert is_valid(SAMPLE)
    assert is_valid(document())


@pytest.mark.parametrize(
    "content",
    [
        "<amount>1</amount><invoice><identifier>I</identifier></invoice>",
        "<amount> 5 </amount>",
        "<amount>10.</amount>",
        "<amount>.50</amount>",
        "<amount>1.0000</amount>",
        f"<amount {NIL}/><paymentDate {NIL}/><invoice {NIL}/><id {NIL}/>",
        "<paymentDate/><type></type><externalId/>",
        "<paymentDate>2026-03-04</paymentDate>",
        "<paymentDate>2026-03-04T24:00:00+14:00</paymentDate>",
        "<invoice><id>7</id><_info><invoice_href>x</invoice_href></_info></invoice>",
        "<credit><id>8</id></credit><lookups> </lookups>",
        '<balance/><_info a="b"><c/></_info>',
        "<ErrorMessage>a</ErrorMessage><ErrorMessage>b</ErrorMessage>",
    ],
)
def test_it_takes_what_the_reader_takes(content: str) -> None:
    assert record(content).errors == ()
    assert is_valid(document(payment(content)))


@pytest.mark.parametrize(
    "content",
    [
        "<ammount>1</ammount>",
        '<amount currencyID="EUR">1</amount>',
        '<invoice number="I"/>',
        "<invoice>I</invoice>",
        "<invoice><number>I</number></invoice>",
        "<invoice><identifier>I*</identifier></invoice>",
        "<amount/>",
        "<amount>-1</amount>",
        "<amount>1,00</amount>",
        "<amount>1.000</amount>",
        "<amount>1.001</amount>",
        "<amount>1e5</amount>",
        "<amount>1234567890123456</amount>",
        "<id>0</id>",
        "<id/>",
        "<id>2147483648</id>",
        "<paymentDate>04.03.2026</paymentDate>",
        "<paymentDate>2026-02-30</paymentDate>",
        "<paymentDate>1989-12-31</paymentDate>",
        "<lookups><lookup/></lookups>",
        "text",
    ],
)
def test_it_refuses_what_the_reader_refuses(content: str) -> None:
    assert record(content).errors
    assert not is_valid(document(payment(content)))
