"""What ConnectWise answers, exactly, and its errors in plain words."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectwise.answers import (
    MOST_TEXT_CHARACTERS,
    error_messages,
    read_error,
    read_json,
    usable_id,
    usable_number,
    write_json,
)
from payments.models import JsonValue


def test_numbers_are_read_with_all_their_digits() -> None:
    assert read_json(b'{"amount": 12345678901234567.10, "id": 5}') == {
        "amount": Decimal("12345678901234567.10"),
        "id": 5,
    }


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe\xfd", b"undefined"])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    assert read_error(body) is None
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        read_json(body)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+5"), "100000"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-0.10"), "-0.10"),
        (7, "7"),
        ('quotes " and \\ and é', '"quotes \\" and \\\\ and \\u00e9"'),
        ({"amount": Decimal("1.10"), "invoice": {"id": 3}}, '{"amount":1.10,"invoice":{"id":3}}'),
        (
            [{"op": "replace", "path": "amount", "value": Decimal("12.50")}],
            '[{"op":"replace","path":"amount","value":12.50}]',
        ),
        ((), "[]"),
        ({}, "{}"),
    ],
)
def test_json_is_written_with_exactly_the_given_digits(value: JsonValue, text: str) -> None:
    assert write_json(value) == text


NUMBERS_OUT_OF_THIS_WORLD = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e39",
    "-1e-39",
    "1e9999999999999999999",
    "0e-500",
    "1" * 39,
    "9" * 5000,
    "0." + "1" * 37,
]


@pytest.mark.parametrize("number", NUMBERS_OUT_OF_THIS_WORLD)
def test_a_number_out_of_this_world_is_none(number: str) -> None:
    """The rest of the answer is read all the same."""
    assert read_json(f'{{"id": 5, "amount": {number}}}'.encode()) == {"id": 5, "amount": None}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'"\ud800"', " "),
        (r'"\udc00 \ud83d"', "   "),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"a\u0000b\u001bc\u0085d\u2028e\uffff"', "a b c d e "),
        (r'"line\r\nline\t."', "line  line ."),
        ('"Ü\u00a0€\u200d"', "Ü\u00a0€\u200d"),
    ],
)
def test_a_text_is_made_harmless(written: str, text: str) -> None:
    """What no XML, no UTF-8 and no terminal can bear becomes a space, wherever it stands."""
    assert read_json(written.encode()) == text
    assert read_json(f'[{{"a": [{written}]}}]'.encode()) == [{"a": [text]}]
    (message,) = error_messages(400, f'{{"message": {written}}}'.encode())
    assert message == f"ConnectWise: {text}"
    message.encode()


def test_half_a_surrogate_pair_is_no_utf_8() -> None:
    with pytest.raises(UnicodeDecodeError):
        read_json(b'"\xed\xa0\x80"')


def test_a_text_that_is_too_long_is_cut() -> None:
    assert read_json(b'["' + b"x" * 1_000_000 + b'"]') == ["x" * MOST_TEXT_CHARACTERS]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 60 + b"]" * 60,
        b"[" + b"0," * 8_000_000 + b"0]",
        b"[" + b"{}," * 4_000_000 + b"{}]",
    ],
    ids=len,
)
def test_an_answer_that_is_too_deep_or_too_wide_is_none(body: bytes) -> None:
    """It would cost more memory than there is."""
    with pytest.raises(ValueError, match=r"deeply|values"):
        read_json(body)


def test_a_byte_order_mark_does_not_matter() -> None:
    assert read_json(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize("number", [1, 12, 2**31 - 1])
def test_an_id_is_an_int32_above_zero(number: int) -> None:
    assert usable_id(number) == number


@pytest.mark.parametrize(
    "odd",
    [
        None,
        0,
        -1,
        True,
        "12",
        Decimal(12),
        Decimal("1.9"),
        1.0,
        2**31,
        10**50,
        float("inf"),
        [],
        {},
    ],
)
def test_everything_else_is_no_id(odd: object) -> None:
    assert usable_id(odd) is None


@pytest.mark.parametrize("odd", [None, True, "12", 1.5, [], {}])
def test_an_amount_is_a_number_that_was_read(odd: object) -> None:
    assert usable_number(odd) is None
    assert usable_number(12) == usable_number(Decimal("12.0")) == Decimal(12)


printable = st.text(max_size=5).filter(str.isprintable)
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    printable
    | st.integers(-(10**36), 10**36)
    | st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False, places=5),
    lambda parts: st.dictionaries(printable, parts, max_size=3),
    max_leaves=5,
)


@given(json_values)
def test_what_is_written_is_read_back_the_same(value: JsonValue) -> None:
    assert read_json(write_json(value).encode()) == value


def errors(status: int, answer: object) -> tuple[str, ...]:
    return error_messages(status, json.dumps(answer).encode())


def test_each_entry_of_the_errors_is_told_with_message_field_and_code() -> None:
    answer = {
        "code": "InvalidObject",
        "message": "payment object is invalid",
        "errors": [
            {"code": "Required", "message": "amount is required", "field": "amount"},
            {"code": "ObjectExists", "message": "There is a payment", "resource": "payment"},
        ],
    }
    first, second = errors(400, answer)
    assert all(part in first for part in ("ConnectWise", "amount is required", "Required"))
    assert "field amount" in first
    assert all(part in second for part in ("There is a payment", "ObjectExists"))
    assert "field" not in second


@pytest.mark.parametrize("details", [None, [], "text", {}])
def test_without_entries_the_answers_own_message_is_told(details: object) -> None:
    answer = {"code": "NotFound", "message": "Invoice 5 not found", "errors": details}
    (message,) = errors(404, answer)
    assert "Invoice 5 not found" in message
    assert "NotFound" in message


def test_throttling_has_another_shape() -> None:
    (message,) = errors(429, {"error": "ConnectWiseAPI", "message": "Slow down"})
    assert "Slow down" in message
    assert "ConnectWiseAPI" in message


def test_a_code_alone_is_told() -> None:
    (message,) = errors(401, {"code": "Unauthorized"})
    assert message.count("Unauthorized") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Bad gateway; token=hush</body></html>",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"errors": [{}]}',
        b'{"errors": ["text", 5, null]}',
        b'{"message": "", "code": null}',
        b"\xff\xfe",
    ],
)
def test_without_a_reason_the_status_is_told_and_nothing_of_the_body(body: bytes) -> None:
    (message,) = error_messages(502, body)
    assert "502" in message
    assert "hush" not in message
    assert "html" not in message


def test_a_very_long_message_is_cut() -> None:
    (message,) = errors(400, {"message": "x" * 100_000})
    assert len(message) <= 1000


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (b'{"code": "NotFound"}', True),
        (b'{"message": "Slow down", "error": "ConnectWiseAPI"}', True),
        (b'{"errors": [{"message": "no"}]}', True),
        (b"{}", False),
        (b'{"message": "", "code": null, "errors": []}', False),
        (b'{"id": 5}', False),
        (b'[{"code": "NotFound"}]', False),
        (b'"NotFound"', False),
    ],
)
def test_an_error_of_connectwise_names_a_reason(body: bytes, *, readable: bool) -> None:
    """Anything else comes from something in between."""
    assert (read_error(body) is not None) is readable


@given(st.binary(max_size=60), st.integers(400, 599))
def test_whatever_is_answered_there_is_a_message(body: bytes, status: int) -> None:
    assert all(error_messages(status, body))


scalars = st.none() | st.text() | st.integers()
details = st.dictionaries(st.sampled_from(("code", "message", "field")), scalars)
names = st.sampled_from(("code", "message", "errors", "error", "field"))


@given(st.dictionaries(names, scalars | st.lists(details | scalars)))
def test_whatever_the_shape_of_an_error_there_is_a_message(answer: dict[str, object]) -> None:
    messages = errors(400, answer)
    assert messages
    assert all(messages)
