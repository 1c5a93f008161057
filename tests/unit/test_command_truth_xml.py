"""Zynk's truth records as XML."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest

from payments.command.truth_xml import ZynkRecord, read_truth_xml, truth_xml
from payments.errors import FileRefused
from payments.files.record import ReadingRules
from payments.models import TruthRecord

RULES = ReadingRules(2, date(2026, 11, 26), refunds=True)


def read(xml: str | bytes) -> list[ZynkRecord]:
    return list(read_truth_xml(BytesIO(xml if isinstance(xml, bytes) else xml.encode()), RULES))


def only(attributes: str) -> ZynkRecord:
    [record] = read(f"<TruthRecords><TruthRecord {attributes}/></TruthRecords>")
    return record


def written(*records: TruthRecord) -> str:
    return "".join(truth_xml(records))


KNOWN = TruthRecord("1234", 2, 206, "2018-10-11T09:30:00Z", "2018-10-12T09:30:00Z")


def test_a_record_is_read_whatever_the_order_of_its_attributes() -> None:
    record = only('ExternalId="1234" InternalId="2" Type="InvoicePayment"')
    assert (record.external_id, record.payment_id, record.problems) == ("1234", 2, ())


def test_zynk_fills_ids_up_with_zeros() -> None:
    assert only('InternalId="0000000156" ExternalId="5230"').payment_id == 156


def test_of_a_type_the_last_part_counts() -> None:
    assert only('Type="Zynk.Connect.Objects.SalesOrder"').type_name == "SalesOrder"


def test_without_a_type_a_record_is_an_invoice_payment() -> None:
    assert only('InternalId="2" ExternalId="1"').type_name == "InvoicePayment"


def test_blanks_around_an_external_id_go_as_in_a_payment_file() -> None:
    assert only('InternalId="2" ExternalId=" 1234 "').external_id == "1234"


def test_attributes_that_are_not_used_are_passed_over() -> None:
    assert only('Id="9" Profile="x" InternalId="2" ExternalId="1"').problems == ()


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("2018-10-11T09:30:00Z", "2018-10-11T09:30:00Z"),
        ("2018-10-11T09:30:00.1234567+02:00", "2018-10-11T07:30:00Z"),
        ("2018-10-11T09:30:00", "2018-10-11T09:30:00Z"),
        ("2018-10-11", "2018-10-11T00:00:00Z"),
    ],
)
def test_times_become_utc(given: str, read_as: str) -> None:
    assert only(f'InternalId="2" ExternalId="1" Created="{given}"').created == read_as


def test_a_time_in_another_notation_is_noted_but_no_mistake() -> None:
    record = only('InternalId="2" ExternalId="1" Modified="11/10/2018 09:30"')
    assert (record.modified, record.unreadable_time, record.problems) == (None, True, ())


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ('ExternalId="1"', "it has no InternalId."),
        ('InternalId="2"', "it has no ExternalId."),
        ('InternalId="2" ExternalId="  "', "it has no ExternalId."),
        ('InternalId="2.5" ExternalId="1"', "its InternalId '2.5' is no payment's id"),
        ('InternalId="0" ExternalId="1"', "its InternalId '0' is no payment's id"),
        ('InternalId="-2" ExternalId="1"', "its InternalId '-2' is no payment's id"),
        ('InternalId="2147483648" ExternalId="1"', "is no payment's id in ConnectWise."),
        ('InternalId="²" ExternalId="1"', "its InternalId '²' is no payment's id"),
        ('InternalId="2" ExternalId="1" InvoiceId="x"', "its InvoiceId 'x' is no invoice's id"),
        ('InternalId="2" ExternalId="1" Amount="1,50"', "its Amount must be a number like 10.50"),
        ('InternalId="2" ExternalId="1" Amount="1.000"', "its Amount can be read in two ways"),
        ('InternalId="2" ExternalId="1" PaymentDate="11.10.2018"', "its PaymentDate must be a day"),
        ('InternalId="2" ExternalId="1" PaymentDate="1899-12-30"', "its PaymentDate is before"),
        (
            'InternalId="2" ExternalId="1" Accepted="no"',
            "its Accepted is 'no', but must be true or",
        ),
        (f'InternalId="2" ExternalId="1" File="{"x" * 1025}"', "its File is longer than 1024"),
        (f'InternalId="2" ExternalId="{"x" * 2049}"', "its ExternalId is longer than 2048 bytes."),
    ],
)
def test_a_record_says_what_is_wrong_with_it(attributes: str, problem: str) -> None:
    assert problem in " ".join(only(attributes).problems)


def test_each_record_knows_its_line() -> None:
    xml = '<TruthRecords>\n\n<TruthRecord InternalId="2"/>\n</TruthRecords>'
    assert [record.line for record in read(xml)] == [3]


def test_a_file_without_records_has_none() -> None:
    assert read("<TruthRecords/>") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_any_encoding_is_read(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    xml = (
        f'<?xml version="1.0" encoding="{declared}"?>'
        '<TruthRecords><TruthRecord InternalId="2" ExternalId="Zählung"/></TruthRecords>'
    )
    assert [record.external_id for record in read(xml.encode(encoding))] == ["Zählung"]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "the file is empty"),
        ("<TruthRecords>", "is cut off"),
        ("<TruthRecords></TruthRecord>", "line 1, column 17: the file is not well-formed"),
        ("<InvoicePayments/>", "the root element is <InvoicePayments>"),
        ("<TruthRecords><TruthRecord><x/></TruthRecord></TruthRecords>", "<x> is not known"),
        ("<!DOCTYPE x><TruthRecords/>", "DTDs"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><TruthRecords>&a;</TruthRecords>', "DTDs"),
    ],
)
def test_a_file_that_is_none_of_zynk_s_is_refused(xml: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read(xml)


def test_an_element_that_is_no_truth_record_is_a_mistake() -> None:
    [record] = read("<TruthRecords><InvoicePayment/></TruthRecords>")
    assert record.problems == ("<InvoicePayment> is not a <TruthRecord>.",)


def test_records_come_before_the_whole_file_is_read() -> None:
    """A million records need not fit into memory."""
    record = '<TruthRecord InternalId="2" ExternalId="1"/>\n'
    file = BytesIO(f"<TruthRecords>{record * 10_000}</TruthRecords>".encode())
    next(read_truth_xml(file, RULES))
    assert file.tell() < len(file.getvalue()) / 2


def test_what_is_written_is_zynk_s_xml() -> None:
    assert written(KNOWN).splitlines() == [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<TruthRecords>",
        '  <TruthRecord Type="InvoicePayment" InternalId="2" ExternalId="1234" InvoiceId="206" '
        'Created="2018-10-11T09:30:00Z" Modified="2018-10-12T09:30:00Z" Accepted="true"/>',
        "</TruthRecords>",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"amount": Decimal("10.50"), "day": "2018-10-11T00:00:00Z"},
        {"amount": Decimal("-10.5"), "accepted": False},
        {"amount": Decimal(0), "key": "incoming/a & b.xml", "import_id": "abc"},
    ],
    ids=str,
)
def test_what_zynk_does_not_keep_is_read_again(more: dict[str, Any]) -> None:
    [found] = read(written(replace(KNOWN, **more)))
    assert {name: getattr(found, name) for name in more} == more


def test_what_no_xml_can_hold_of_a_file_s_name_is_replaced() -> None:
    [found] = read(written(replace(KNOWN, key="incoming/\x01.xml")))
    assert found.key == "incoming/\ufffd.xml"


def test_what_zynk_has_sent_was_accepted_and_of_no_known_amount() -> None:
    record = only('InternalId="2" ExternalId="1"')
    assert (record.accepted, record.amount, record.day) == (True, None, None)


@pytest.mark.parametrize("external_id", ['"', "'", "a & b < c", "tab\tline\n", "Zählung €"])
def test_what_is_written_is_read_again(external_id: str) -> None:
    record = TruthRecord(f"x{external_id}x", 2, 206, KNOWN.created, KNOWN.modified)
    [found] = read(written(record))
    assert found.external_id == record.external_id
    assert (found.payment_id, found.invoice_id) == (2, 206)
    assert (found.created, found.modified) == (record.created, record.modified)
