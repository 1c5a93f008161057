"""What ConnectWise answers, exactly, and its errors in plain words."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectwise.answers import error_messages, read_error, read_json, write_json
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


json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.text(max_size=5)
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=5),
    lambda parts: st.dictionaries(st.text(max_size=5), parts, max_size=3),
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
