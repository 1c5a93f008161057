"""What the elements of a record come to, and everything that can be wrong with them."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectwise.answers import write_json
from payments.files.record import (
    MAX_EXTERNAL_ID_BYTES,
    MAX_ID,
    MAX_INVOICE_NUMBER_CHARACTERS,
    MAX_TEXT_CHARACTERS,
)
from payments.models import JsonValue
from unit.payment_files import RULES, document, record, records

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def fields(content: str) -> dict[str, JsonValue]:
    """Return what is sent of a record that has nothing wrong with it."""
    found = record(content)
    assert found.errors == ()
    return dict(found.fields or {})


def error(content: str) -> str:
    """Return the one thing that is wrong with a record."""
    (message,) = record(content).errors
    return message


def test_every_part_of_a_record_has_its_place() -> None:
    found = record(
        "<id>17</id><externalId>PAY-9</externalId>"
        "<invoice><id>351</id><identifier>INV-351</identifier></invoice>"
        "<amount>120.50</amount><paymentDate>2019-03-29T12:00:00Z</paymentDate>"
        "<appliedBy>Kim</appliedBy><type>P</type><credit><id>8</id></credit>"
        "<paymentAccount>1200</paymentAccount><aRPaymentAccount>1100</aRPaymentAccount>"
    )
    assert found.errors == ()
    assert (found.payment_id, found.external_id) == (17, "PAY-9")
    assert (found.invoice_id, found.invoice_number) == (351, "INV-351")
    assert found.fields == {
        "amount": Decimal("120.50"),
        "paymentDate": "2019-03-29T00:00:00Z",
        "appliedBy": "Kim",
        "type": "P",
        "credit": {"id": 8},
        "paymentAccount": "1200",
        "aRPaymentAccount": "1100",
    }


def test_fields_keep_the_files_order() -> None:
    found = fields("<type>P</type><amount>1</amount><appliedBy>K</appliedBy>")
    assert list(found) == ["type", "amount", "appliedBy"]


@pytest.mark.parametrize("blank", ["\xa0 ", "\u202f", "\u200b", "\ufeff", "\u200e", "\u3000\t"])
def test_blanks_that_nobody_sees_do_not_count_either(blank: str) -> None:
    found = record(
        f"{blank}<externalId>{blank}N 1{blank}</externalId><amount>10.00{blank}</amount>"
        f"<invoice>{blank}<identifier>INV-1{blank}</identifier></invoice><type>{blank}</type>"
    )
    assert found.errors == ()
    assert (found.external_id, found.invoice_number) == ("N 1", "INV-1")
    assert found.fields == {"amount": Decimal("10.00")}


def test_what_cannot_be_seen_in_a_wrong_value_is_shown_escaped() -> None:
    assert "'1[U+200B]0'" in error("<id>1\u200b0</id>")
    assert "'2018[U+2011]10[U+2011]11'" in error("<paymentDate>2018‑10‑11</paymentDate>")


def test_blanks_around_a_value_do_not_count() -> None:
    found = record("<id>\n 7 </id><externalId> A B </externalId><amount>\t1.5\r\n</amount>")
    assert (found.payment_id, found.external_id, found.amount) == (7, "A B", Decimal("1.5"))


# Not given, empty, nil

VALUES = ["paymentDate", "appliedBy", "type", "paymentAccount", "aRPaymentAccount", "credit"]
OPTIONAL = [*VALUES, "externalId", "invoice"]


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize(
    "written", ["<{0}/>", "<{0}></{0}>", "<{0}> \n</{0}>", "<{0}><!-- --></{0}>"]
)
def test_an_empty_element_is_not_given(name: str, written: str) -> None:
    found = record(f"{written.format(name)}<amount>1</amount>")
    assert found.errors == ()
    assert found.fields == {"amount": Decimal(1)}
    assert (found.external_id, found.invoice_id, found.invoice_number) == (None, None, None)


@pytest.mark.parametrize("name", [*OPTIONAL, "id", "amount"])
@pytest.mark.parametrize("nil", ["true", "1", " true "])
def test_nil_is_not_given_even_where_empty_is_wrong(name: str, nil: str) -> None:
    found = record(f"<{name} {XSI} xsi:nil='{nil}'/>")
    assert found.errors == ()
    assert found.fields == {}
    assert (found.payment_id, found.external_id, found.invoice_id) == (None, None, None)


@pytest.mark.parametrize("attributes", [f"{XSI} xsi:nil='false'", f"{XSI} xsi:nil='0'"])
def test_what_is_not_nil_is_given(attributes: str) -> None:
    assert "<amount>" in error(f"<amount {attributes}/>")
    assert fields(f"<amount {attributes}>2</amount>") == {"amount": Decimal(2)}


@pytest.mark.parametrize("mark", ["\u202e", "\u202a", "\u2066", "\u2069"])
@pytest.mark.parametrize("name", ["amount", "externalId", "id", "paymentDate", "type"])
def test_a_mark_that_turns_the_direction_of_writing_is_no_blank(name: str, mark: str) -> None:
    """01 behind it is shown as 10."""
    message = error(f"<{name}>{mark}01</{name}>")
    assert f"turn the direction of writing: '[U+{ord(mark):04X}]01'" in message


ERRORS = ["#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#BEZUG!", "####"]


@pytest.mark.parametrize("written", ERRORS)
@pytest.mark.parametrize("element", ["externalId", "type", "amount", "paymentDate"])
def test_a_spreadsheets_error_is_no_value(element: str, written: str) -> None:
    """Two receipts with it would be one."""
    told = f"<{element}> is '{written}', a spreadsheet's error and no value. Correct it there."
    assert error(f"<{element}>{written}</{element}>") == told
    number = error(f"<invoice><identifier>{written}</identifier></invoice>")
    assert number.startswith(f"<invoice/identifier> is '{written}', a spreadsheet's error")


@pytest.mark.parametrize("written", ["N/A", "n/a", "NULL", "none", "-", "--", "\u2014"])
def test_a_word_for_no_external_id_is_none(written: str) -> None:
    assert "which says that there is none" in error(f"<externalId>{written}</externalId>")


@pytest.mark.parametrize("written", ["0", "#1", "#REF-1", "NA", "#12!", "Nil", "-1"])
def test_an_external_id_may_be_odd(written: str) -> None:
    assert record(f"<externalId>{written}</externalId>").external_id == written


@pytest.mark.parametrize("written", ["1408.0", "1,408", "1408.", "1408.00"])
def test_an_id_that_a_spreadsheet_has_written_as_a_number_is_told_bare(written: str) -> None:
    assert "If 1408 was meant, write that." in error(f"<id>{written}</id>")


@pytest.mark.parametrize("content", ["", " \n", "\u200b"])
def test_an_id_or_amount_that_is_there_but_empty_is_wrong(content: str) -> None:
    assert error(f"<id>{content}</id>").startswith("<id> is empty")
    assert error(f"<amount>{content}</amount>").startswith("<amount> is empty")
    assert error(f"<invoice><id>{content}</id></invoice>").startswith("<invoice/id> is empty")


def test_a_nil_invoice_id_is_not_given() -> None:
    found = record(f"<invoice><id {XSI} xsi:nil='true'/><identifier>N</identifier></invoice>")
    assert (found.errors, found.invoice_id, found.invoice_number) == ((), None, "N")


@pytest.mark.parametrize(
    "content",
    [
        f"<amount {XSI} xsi:nil='true'>5</amount>",
        f"<type {XSI} xsi:nil='true'>P</type>",
        f"<invoice {XSI} xsi:nil='true'><id>1</id></invoice>",
    ],
)
def test_what_is_nil_and_has_content_contradicts_itself(content: str) -> None:
    assert "nil" in error(content)


# Names


@pytest.mark.parametrize(
    "name", ["ammount", "Amount", "ID", "externalid", "Invoice", "date", "errorMessage", "a" * 5000]
)
def test_an_unknown_element_is_wrong_by_name(name: str) -> None:
    message = error(f"<{name}>1</{name}>")
    assert f"<{name[:100]}" in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("<ammount>1</ammount>", "<amount>"), ("<AMOUNT>1</AMOUNT>", "<amount>")),
        *(("<externalid>1</externalid>", "<externalId>"), ("<paymentdate/>", "<paymentDate>")),
        ("<invoise/>", "<invoice>"),
        ("<invoice><identifer>1</identifer></invoice>", "<invoice/identifier>"),
        ("<invoice><Id>1</Id></invoice>", "<invoice/id>"),
    ],
)
def test_a_near_miss_is_told_what_was_probably_meant(written: str, meant: str) -> None:
    assert error(written).endswith(f"is not known. Did you mean {meant}?")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        *((f"<{name}>INV-1</{name}>", "identifier") for name in ("identifier", "invoiceNumber")),
        ("<invoice><invoiceNumber>1</invoiceNumber></invoice>", "identifier"),
        ("<invoiceId>1</invoiceId>", "id"),
    ],
)
def test_an_invoice_that_is_named_in_a_wrong_place_is_told_where_to(
    written: str, instead: str
) -> None:
    message = error(written)
    assert message.endswith(f"is not known. Write <invoice><{instead}>…</{instead}></invoice>.")


def test_an_invoice_that_holds_its_number_directly_is_told_where_to() -> None:
    message = error("<invoice>INV-1</invoice>")
    assert "'INV-1'. Write the invoice's number as <invoice><identifier>" in message
    assert "write <identifier>" in error("<invoice><id>INV-1</id></invoice>")


@pytest.mark.parametrize("name", ["company", "memo", "a" * 500_000])
def test_a_name_that_is_near_to_none_is_told_without_a_guess(name: str) -> None:
    assert "mean" not in error(f"<{name}/>")


@pytest.mark.parametrize("name", ["ammount", "Id", "number", "company"])
def test_an_unknown_part_of_the_invoice_is_wrong_by_name(name: str) -> None:
    message = error(f"<invoice><id>1</id><{name}/></invoice>")
    assert f"<invoice/{name}>" in message


READ_ONLY = [
    *("balance", "invoiceBalance", "invoiceTotal", "source", "paymentSyncStatus"),
    *("paymentSyncDate", "glBatchID", "_info", "wisePayPayment", "ErrorMessage"),
]


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize("content", ["", "text", "<a>1</a>text<b/>", "-1"])
def test_what_cannot_be_written_is_ignored_in_silence(name: str, content: str) -> None:
    assert fields(f"<{name}>{content}</{name}><amount>1</amount>") == {"amount": Decimal(1)}


@pytest.mark.parametrize(
    "part", ["billingType", "applyToType", "invoiceDate", "chargeFirmFlag", "_info"]
)
def test_what_connectwise_answers_about_an_invoice_is_ignored(part: str) -> None:
    found = record(f"<invoice><id>1</id><{part}>x</{part}></invoice>")
    assert (found.errors, found.invoice_id) == ((), 1)


@pytest.mark.parametrize("name", ["id", "externalId", "amount", "type", "balance"])
def test_an_element_that_is_given_twice_is_wrong_and_has_no_value(name: str) -> None:
    found = record(f"<{name}>1</{name}><{name}>2</{name}>")
    assert found.errors == (f"<{name}> is given 2 times: '1', '2'. Keep the right one.",)
    assert (found.payment_id, found.external_id, found.fields) == (None, None, {})


@pytest.mark.parametrize(
    "invoices",
    [
        *("<invoice><identifier>A</identifier></invoice><invoice><id>2</id></invoice>",),
        *("<invoice><identifier>A</identifier><identifier>2</identifier></invoice>",),
    ],
)
def test_two_invoices_of_one_payment_are_to_become_two_records(invoices: str) -> None:
    """Whoever kept one would pay the whole amount on that."""
    message = error(invoices)
    assert "is given 2 times: 'A', '2'. A record is about one invoice." in message
    assert "write an <InvoicePayment> for each" in message


@pytest.mark.parametrize(
    ("written", "told"),
    [
        *(("<currency>EUR</currency>", "convert"), ("<invoice><curr/></invoice>", "convert")),
        *((f"<{name}/>", "take the whole record out") for name in ("status", "isVoid", "refund")),
        *(("<paymentType/>", "take the whole record out"), ("<credit>1</credit>", "take the rec")),
        *(("<notes/>", "if the payment is the same without"), ("text", "if the payment is the s")),
        ("<transactionId/>", "if the payment is the same without"),
        *(("<id void='1'/>", "take the whole record out"), ("<id at='1'/>", "if the payment is t")),
        ("<invoice currency='EUR'/>", "convert"),
    ],
)
def test_nothing_is_told_to_be_removed_that_may_change_what_the_payment_is(
    written: str, told: str
) -> None:
    assert told in error(written).replace("Convert", "convert")


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("<amount currencyID='EUR'>10.00</amount>", '<amount> has the attribute currencyID="EUR":'),
        (
            "<amount Ccy='J' unit='k'>10.00</amount>",
            '<amount> has the attributes Ccy="J", unit="k":',
        ),
        ("<id p:a='1' xmlns:p='urn:p'>1</id>", '<id> has the attribute p:a="1":'),
        ("<invoice number='1'/>", '<invoice> has the attribute number="1":'),
        ("<invoice><id a='1'>1</id></invoice>", '<invoice/id> has the attribute a="1":'),
        ("<type nil='true'/>", '<type> has the attribute nil="true":'),
    ],
)
def test_an_attribute_is_wrong_by_name(written: str, names: str) -> None:
    found = record(written)
    (message,) = found.errors
    assert message.startswith(names)
    assert (found.payment_id, found.invoice_id, found.fields) == (None, None, {})


@pytest.mark.parametrize("attribute", ["currencyID='EUR'", "currency='USD'", "unit='k'"])
def test_a_currency_or_unit_is_not_to_be_removed_without_converting(attribute: str) -> None:
    assert "Convert it if need be" in error(f"<amount {attribute}>10.00</amount>")


def test_a_value_that_is_an_attribute_of_the_record_is_wrong_by_name() -> None:
    (found,) = records(
        document("<InvoicePayment externalId='A'><amount>1</amount></InvoicePayment>")
    )
    (message,) = found.errors
    assert message.startswith('<InvoicePayment> has the attribute externalId="A":')
    assert found.external_id is None


@pytest.mark.parametrize("written", ["<lookups/>", "<lookups> </lookups>"])
def test_lookups_without_content_are_no_mistake(written: str) -> None:
    assert fields(f"{written}<amount>1</amount>") == {"amount": Decimal(1)}


@pytest.mark.parametrize("content", ["<lookup/>", "text"])
def test_lookups_are_wrong_and_told_what_to_do_instead(content: str) -> None:
    message = error(f"<lookups>{content}</lookups>")
    assert message.startswith("<lookups> cannot be used")
    assert "Remove the <lookups>" in message


@pytest.mark.parametrize(
    "name", ["id", "externalId", "amount", "paymentDate", "type", "appliedBy", "paymentAccount"]
)
def test_an_element_inside_of_a_value_is_wrong(name: str) -> None:
    assert f"<{name}>" in error(f"<{name}><b>1</b></{name}>")
    assert "<invoice/identifier>" in error("<invoice><identifier><b/>N</identifier></invoice>")


@pytest.mark.parametrize("content", ["<invoice>351</invoice>", "<credit>8</credit>", "stray"])
def test_text_that_is_in_no_value_is_wrong(content: str) -> None:
    assert "text" in error(content)


@pytest.mark.parametrize("name", ["Payment", "invoicePayment", "InvoicePayments", "id"])
def test_another_child_of_the_root_is_wrong_by_name(name: str) -> None:
    (found,) = records(document(f"<{name}><amount>1</amount></{name}>"))
    (message,) = found.errors
    assert f"<{name}>" in message
    assert "<InvoicePayment>" in message


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = record(
        "<id>x</id><ammount>1</ammount><amount>ten</amount><invoice><id/></invoice>"
        "<paymentDate>soon</paymentDate><credit><id>-1</id></credit>"
    )
    named = ["<id>", "<ammount>", "<amount>", "<invoice/id>", "<paymentDate>", "<credit/id>"]
    for name in named:
        assert sum(message.startswith(name) for message in found.errors) == 1
    assert len(found.errors) == len(named)
    assert (found.payment_id, found.invoice_id, found.fields) == (None, None, {})


def test_the_errors_of_a_record_are_bounded() -> None:
    found = record("".join(f"<ammount{number}/>" for number in range(3000)))
    assert len(found.errors) < 50
    assert "2980 more elements are not known." in found.errors


# Ids


@pytest.mark.parametrize(
    ("written", "value"), [("1", 1), ("+7", 7), ("007", 7), (str(MAX_ID), MAX_ID)]
)
def test_ids_are_whole_numbers(written: str, value: int) -> None:
    assert record(f"<id>{written}</id>").payment_id == value
    assert record(f"<invoice><id>{written}</id></invoice>").invoice_id == value
    assert fields(f"<credit><id>{written}</id></credit>") == {"credit": {"id": value}}


@pytest.mark.parametrize("written", ["0", "000"])
def test_an_id_of_zero_is_explained(written: str) -> None:
    assert error(f"<id>{written}</id>").startswith("<id> is 0, but ids begin at 1")
    message = error(f"<invoice><id>{written}</id><identifier>N</identifier></invoice>")
    assert message.startswith("<invoice/id> is 0, but ids begin at 1")
    assert record(f"<externalId>{written}</externalId>").external_id == written


NOT_IDS = [
    "-1",
    "1.0",
    "1e3",
    "0x10",
    "1 2",
    "1,000",
    "x",
    "١",
    "²",
    str(MAX_ID + 1),
    "9" * 999,
]


@pytest.mark.parametrize("written", NOT_IDS)
def test_what_is_no_id_is_wrong_by_place_and_value(written: str) -> None:
    for path, content in (
        ("id", f"<id>{written}</id>"),
        ("invoice/id", f"<invoice><id>{written}</id></invoice>"),
        ("credit/id", f"<credit><id>{written}</id></credit>"),
    ):
        message = error(content)
        assert f"<{path}>" in message
        assert written[:100] in message


def test_a_credit_is_known_by_its_id_only() -> None:
    assert "<credit>" in error("<credit><identifier>CM-1</identifier></credit>")
    both = "<credit><id>8</id><identifier>CM-1</identifier></credit>"
    assert fields(both) == {"credit": {"id": 8}}


# Amounts


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        *(("10", "10"), ("10.00", "10.00"), ("+3.5", "3.5"), (".5", "0.5"), ("5.", "5")),
        *(("007.10", "7.10"), ("0", "0"), ("-0.00", "0.00"), ("10.0000", "10.00")),
        *(("10.05000000", "10.05"), ("123456789012345.12", "123456789012345.12")),
    ],
)
def test_an_amount_is_sent_with_the_digits_that_were_given(written: str, sent: str) -> None:
    """Zeros beyond the currency's decimals, as databases export them, aside."""
    assert write_json(fields(f"<amount>{written}</amount>")) == f'{{"amount":{sent}}}'


@given(st.decimals(0, 10**15 - 1, places=2))
def test_every_amount_of_money_keeps_its_digits(amount: Decimal) -> None:
    assert str(fields(f"<amount>{amount:f}</amount>")["amount"]) == f"{amount:f}"


@pytest.mark.parametrize(
    ("written", "decimals", "sent"),
    [("1.000", 3, "1.000"), ("1.0000", 3, "1.000"), ("1.00", 0, "1"), ("1.0", 1, "1.0")],
)
def test_how_many_decimals_money_has_is_up_to_the_currency(
    written: str, decimals: int, sent: str
) -> None:
    found = record(f"<amount>{written}</amount>", replace(RULES, currency_decimals=decimals))
    assert (found.errors, str(found.amount)) == ((), sent)


@pytest.mark.parametrize(
    ("written", "decimals", "reason"),
    [
        ("1.000", 2, "can be read in two ways: '1.000'. Write 1000.00 if that was meant, or"),
        ("1.000", 2, "or else the amount with at most 2 decimals."),
        ("12.500", 0, "Write 12500 if that was meant, or else"),
        ("10.1234", 2, "has more than 2 decimals: '10.1234'."),
        ("0.1", 0, "has more than 0 decimals: '0.1'."),
        ("1234567890123456", 2, "has more than 15 digits before the point: '"),
        ("1" + "0" * 99, 2, "has more than 15 digits before the point: '"),
    ],
)
def test_an_amount_that_is_no_sum_of_money_is_wrong(
    written: str, decimals: int, reason: str
) -> None:
    found = record(f"<amount>{written}</amount>", replace(RULES, currency_decimals=decimals))
    (message,) = found.errors
    assert reason in message
    assert found.amount is None


@pytest.mark.parametrize("written", ["-500.00", "(500.00)", "500.00-", "\u2212500.00", "-500,00"])
def test_a_negative_amount_is_wrong_with_the_reason_and_the_cure(written: str) -> None:
    message = error(f"<amount>{written}</amount>")
    assert message.startswith("<amount> is negative: '")
    assert "write 500.00." in message
    assert "with what is left as its <amount>" in message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("1.488,69", "1488.69"), ("1,488.69", "1488.69"), ("1'000.00", "1000.00")),
        *(("1,00,000.00", "100000.00"), ("1 000,00", "1000.00"), ("1,000,000", "1000000")),
        *(("10.-", "10"), ("10,--", "10")),
        *(("236,48", "236.48"), ("12.345.678", "12345678"), ("1\u202f234,56", "1234.56")),
        ("1 000", "1000"),
    ],
)
def test_what_was_probably_meant_by_an_amount_is_told(written: str, meant: str) -> None:
    message = error(f"<amount>{written}</amount>")
    assert message.startswith("<amount> must be a number like 10.50: '")
    assert message.endswith(f"If {meant} was meant, write that.")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("EUR 10.00", "10.00"), ("£5", "5"), ("10 kr", "10"), ("US$1,488.69", "1488.69")),
        *(("€10", "10"), ("10 zł", "10"), ("₹ 10", "10"), ("CHF 10.—", "10")),
    ],
)
def test_a_currency_beside_an_amount_is_not_just_dropped(written: str, meant: str) -> None:
    """Who removes it must know in which currency the rest is taken."""
    message = error(f"<amount>{written}</amount>")
    assert message.endswith(f"If {meant}, in the currency of the invoice, was meant, write that.")


TWO_WAYS = "Write 1234.00 if that was meant, or else the amount with at most 2 decimals."


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        *((written, TWO_WAYS) for written in ("1,234", "€1.234", "1,234 EUR", "£1,234")),
        ("1,234.567", "Write it with at most 2 decimals."),
        ("1.488,695", "Write it with at most 2 decimals."),
    ],
)
def test_a_guess_that_would_be_refused_itself_is_not_offered(written: str, cure: str) -> None:
    assert f"'{written}'. {cure}" in error(f"<amount>{written}</amount>")


def test_a_negative_amount_that_can_be_read_in_two_ways_is_told_as_both() -> None:
    for written in ("-1.234", "(1,234)", "€1,234-"):
        message = error(f"<amount>{written}</amount>")
        assert f"if that is so, w{TWO_WAYS[1:]}" in message


@pytest.mark.parametrize(
    "written",
    [
        *("ten", "1e3", "1E3", "--", "+", "-", ".", "1.2,3.4,5", "x5", "1;0"),
        *("NaN", "INF", "-INF", "Infinity", "0x1", "١"),
    ],
)
def test_what_is_no_number_is_wrong_by_value(written: str) -> None:
    message = error(f"<amount>{written}</amount>")
    assert message == f"<amount> must be a number like 10.50: '{written}'."


# Dates


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        *(("2018-10-11", "2018-10-11"), ("2018-10-11Z", "2018-10-11")),
        *(("2018-10-11+02:00", "2018-10-11"), ("2019-09-11T00:00:00+01:00", "2019-09-11")),
        *(("2026-01-01T00:00:00+13:00", "2026-01-01"), ("2026-03-31T20:15:00-05:00", "2026-03-31")),
        *(("2018-10-11T12:00:00-14:00", "2018-10-11"), ("2018-10-11T09:30:59", "2018-10-11")),
        ("2018-10-11T09:30:00.999999999999Z", "2018-10-11"),
        *(("2018-12-31T24:00:00Z", "2018-12-31"), ("2020-02-29", "2020-02-29")),
        *(("1990-01-01", "1990-01-01"), ("2027-03-31T23:59:59Z", "2027-03-31")),
        ("\u200e2018-10-11\xa0", "2018-10-11"),
    ],
)
def test_a_date_is_the_day_as_it_is_written_whatever_the_zone(written: str, sent: str) -> None:
    content = f"<paymentDate>{written}</paymentDate>"
    assert fields(content) == {"paymentDate": f"{sent}T00:00:00Z"}


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        *((written, "before 1990") for written in ("0001-01-01T00:00:00", "1753-01-01")),
        *((written, "before 1990") for written in ("1899-12-30T00:00:00", "0018-10-11")),
        ("1989-12-31T23:59:59-14:00", "before 1990"),
        *((written, "a year ahead") for written in ("9999-12-31T23:59:59", "2206-10-11")),
        ("2027-04-03", "a year ahead"),
    ],
)
def test_a_day_that_no_payment_has_is_wrong(written: str, reason: str) -> None:
    message = error(f"<paymentDate>{written}</paymentDate>")
    assert reason in message
    assert written in message


def test_which_days_lie_ahead_is_up_to_the_day_of_reading() -> None:
    rules = replace(RULES, today=date(2205, 12, 31))
    assert record("<paymentDate>2206-10-11</paymentDate>", rules).errors == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(
            ("11.09.2019", "2019-09-11"),
            ("1.9.2019 10:00", "2019-09-01"),
            ("11.09.19", "2019-09-11"),
        ),
        *(("25/12/2019", "2019-12-25"), ("12/25/2019 09:30:00 PM", "2019-12-25")),
        *(("20190911", "2019-09-11"), ("2019/9/1", "2019-09-01"), ("2019.09.11", "2019-09-11")),
        *(("43719", "2019-09-11"), ("43719.604166", "2019-09-11")),
        *(("2019-09-11 00:00:00", "2019-09-11"), ("2019-09-11T10:00", "2019-09-11")),
        *(("11-Sep-19", "2019-09-11"), ("11 septembre 2019", "2019-09-11")),
        *(("Sep 11, 2019", "2019-09-11"), ("11. SEP 2019", "2019-09-11")),
    ],
)
def test_what_was_clearly_meant_by_a_day_is_told(written: str, meant: str) -> None:
    """And not taken: it is for whoever knows to say so."""
    assert error(f"<paymentDate>{written}</paymentDate>") == (
        f"<paymentDate> must be a day written like 2018-10-11: '{written}'. If {meant} was meant, "
        "write that."
    )


def test_a_day_with_long_dashes_is_told_with_short_ones() -> None:
    message = error("<paymentDate>2019\u201309\u201311</paymentDate>")
    assert message.endswith("'2019[U+2013]09[U+2013]11'. If 2019-09-11 was meant, write that.")


def test_a_wrong_year_is_told_to_be_corrected() -> None:
    assert "If the year is wrong, correct it." in error("<paymentDate>2206-11-20</paymentDate>")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("11/09/2019", "2019-09-11 or 2019-11-09"), ("9-11-2019", "2019-09-11 or 2019-11-09")),
        *(("11/09/19", "2019-09-11 or 2019-11-09"), ("18-10-11", "2011-10-18 or 2018-10-11")),
    ],
)
def test_a_day_that_may_be_two_is_told_as_both(written: str, meant: str) -> None:
    message = error(f"<paymentDate>{written}</paymentDate>")
    assert "can be read in more than one way" in message
    assert message.endswith(f"'{written}'. Write {meant}.")


@pytest.mark.parametrize("written", ["soon", "99999", "12/31/1899", "11 Foo 2019"])
def test_no_day_is_guessed_where_there_is_none_that_a_payment_could_have(written: str) -> None:
    assert error(f"<paymentDate>{written}</paymentDate>").endswith(f"2018-10-11: '{written}'.")


@pytest.mark.parametrize("written", ["2019-02-30", "2019-00-10", "30.02.2019", "99/99/2019"])
def test_a_day_that_no_calendar_has_is_told_as_such(written: str) -> None:
    message = error(f"<paymentDate>{written}</paymentDate>")
    assert message.startswith(f"<paymentDate> is no day of the calendar: '{written}'.")


@pytest.mark.parametrize(
    "written",
    [
        *("soon", "11/10/2018", "11.10.2018", "20181011", "2018-10", "2018-1-1", "18-10-11"),
        *("12018-10-11", "-2018-10-11", "0000-01-01", "2018-13-01", "2018-00-01", "2018-02-30"),
        *("2019-02-29", "2018-10-11T", "2018-10-11T09:30", "2018-10-11T09:30:60Z"),
        *("2018-10-11T09:60:00Z", "2018-10-11T25:00:00Z", "2018-10-11T24:00:01Z"),
        *("2018-10-11T24:00:00.5Z", "2018-10-11T09:30:00.Z", "2018-10-11 09:30:00"),
        *("2018-10-11t09:30:00z", "2018-10-11T09:30:00+2", "2018-10-11T09:30:00+0200"),
        *("2018-10-11T09:30:00+14:01", "2018-10-11T09:30:00+02:60", "2018-10-11T09:30:00 +02:00"),
        "٢٠١٨-10-11",
    ],
)
def test_what_is_no_date_is_wrong_by_value(written: str) -> None:
    message = error(f"<paymentDate>{written}</paymentDate>")
    assert "<paymentDate>" in message
    assert written in message


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2027, 3, 31), timezones=ZONES))  # noqa: DTZ001
def test_every_moment_is_sent_as_its_own_day(moment: datetime) -> None:
    sent = fields(f"<paymentDate>{moment.isoformat()}</paymentDate>")["paymentDate"]
    assert sent == f"{moment.date()}T00:00:00Z"


# Limits


@pytest.mark.parametrize("name", ["appliedBy", "type", "paymentAccount", "aRPaymentAccount"])
def test_texts_have_a_limit(name: str) -> None:
    longest = "é" * MAX_TEXT_CHARACTERS
    assert fields(f"<{name}>{longest}</{name}>") == {name: longest}
    message = error(f"<{name}>{longest}x</{name}>")
    assert f"<{name}>" in message
    assert str(MAX_TEXT_CHARACTERS) in message


def test_an_external_id_is_as_long_as_the_truth_table_takes() -> None:
    longest = "é" * (MAX_EXTERNAL_ID_BYTES // 2)
    assert record(f"<externalId>{longest}</externalId>").external_id == longest
    for too_long in (longest + "x", "x" * (MAX_EXTERNAL_ID_BYTES + 1)):
        message = error(f"<externalId>{too_long}</externalId>")
        assert "<externalId>" in message
        assert len(message) < 200
        assert record(f"<externalId>{too_long}</externalId>").external_id is None


def test_an_invoice_number_has_a_limit() -> None:
    longest = "x" * MAX_INVOICE_NUMBER_CHARACTERS
    written = "<invoice><identifier>{}</identifier></invoice>"
    assert record(written.format(longest)).invoice_number == longest
    assert "<invoice/identifier>" in error(written.format(longest + "x"))


@pytest.mark.parametrize("number", ["*", "INV-2*1", "INV*"])
def test_an_invoice_number_that_would_stand_for_several_is_wrong(number: str) -> None:
    found = record(f"<invoice><identifier>{number}</identifier></invoice>")
    (message,) = found.errors
    assert message.startswith("<invoice/identifier> has a * in it")
    assert found.invoice_number is None


def test_a_wrong_value_is_not_repeated_at_full_length() -> None:
    assert len(error(f"<amount>{'x' * MAX_TEXT_CHARACTERS}</amount>")) < 250


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_whatever_a_value_it_is_read_or_wrong(value: str) -> None:
    for name in ("id", "amount", "paymentDate", "externalId", "type"):
        found = record(f"<{name}>{escape(value)}</{name}>")
        assert len(found.errors) <= 1
