"""Reading the bodies of POST, PUT and PATCH on payments, as strictly as can be inferred."""

import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from simulator import exact_json
from simulator.answers import FieldError, invalid, invalid_field
from simulator.payments import Payment, PaymentValues
from simulator.schema import PAYMENT_FIELDS, fault_in, find_field
from simulator.settings import Settings

RESOURCE = "payment"
_COMPUTED = frozenset({"id", "balance", "invoiceBalance", "invoiceTotal", "_info"})
_APART = _COMPUTED | {"amount", "paymentDate", "invoice"}
_OPERATIONS = ("replace", "add", "remove")


def read_whole(text: str, invoice_id: int, settings: Settings) -> PaymentValues:
    """Read the body of a POST or PUT: a payment with at least an amount.

    The amount was the one required field of older descriptions, and today's names none.
    Fields that ConnectWise computes are checked and passed over.
    """
    body = _json(text)
    if not isinstance(body, dict):
        raise invalid_field(RESOURCE, "", "expected a payment object")
    errors = [*_field_errors(body), *_amount_errors(body), *_invoice_errors(body, invoice_id)]
    errors += [
        _error(name, "is required", "MissingRequiredField")
        for name in settings.required_fields
        if body.get(name) is None
    ]
    errors += _unwelcome(body, settings)
    if errors:
        raise invalid(RESOURCE, errors)
    return _values(body)


def read_patch(text: str, payment: Payment, settings: Settings) -> PaymentValues:
    """Apply the body of a PATCH to a payment's values.

    A list of PatchOperation; working clients write the path with and without a leading slash.
    """
    operations = _json(text)
    if not isinstance(operations, list) or not operations:
        raise invalid_field(RESOURCE, "", "expected a list of patch operations")
    before = _record(payment.values)
    record = dict(before)
    for operation in operations:
        _apply(record, operation)
    unwelcome = _unwelcome([name for name in record if record[name] != before.get(name)], settings)
    record |= {name: before.get(name) for name in settings.fixed_fields}
    errors = [*unwelcome, *_amount_errors(record), *_invoice_errors(record, payment.invoice_id)]
    if errors:
        raise invalid(RESOURCE, errors)
    return _values(record)


def _json(text: str) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise invalid_field(RESOURCE, "", f"the body is not JSON: {error}") from error


def _field_errors(body: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    for name, value in body.items():
        expected = PAYMENT_FIELDS.get(name)
        fault = "no such field" if expected is None else fault_in(expected, value)
        if fault:
            errors.append(_error(name, fault))
    return errors


def _amount_errors(body: Mapping[str, Any]) -> list[FieldError]:
    if body.get("amount") is None:
        return [_error("amount", "is required", "MissingRequiredField")]
    return []


def _invoice_errors(body: Mapping[str, Any], invoice_id: int) -> list[FieldError]:
    invoice = body.get("invoice")
    if not isinstance(invoice, dict) or invoice.get("id", invoice_id) == invoice_id:
        return []
    return [_error("invoice", "is not the invoice of the URL")]


def _unwelcome(names: Iterable[str], settings: Settings) -> list[FieldError]:
    return [_error(name, "cannot be set") for name in names if name in settings.unwelcome_fields]


def _values(body: Mapping[str, Any]) -> PaymentValues:
    others = {
        # Names repeat a million times over: one string each is enough.
        sys.intern(name): value
        for name, value in body.items()
        if name not in _APART and value is not None
    }
    return PaymentValues(Decimal(body["amount"]), body.get("paymentDate"), others)


def _record(values: PaymentValues) -> dict[str, Any]:
    return {**values.fields, "amount": values.amount, "paymentDate": values.payment_date}


def _apply(record: dict[str, Any], operation: Any) -> None:
    path, value = _read_operation(operation)
    # A part of a reference is taken and changes nothing (developer guide: "false 200").
    if "/" not in path:
        record[path] = value


def _read_operation(operation: Any) -> tuple[str, Any]:
    if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
        raise invalid_field(RESOURCE, "op", f"op must be one of {', '.join(_OPERATIONS)}")
    path = operation.get("path")
    if not isinstance(path, str):
        raise invalid_field(RESOURCE, "path", "path must be a string")
    path = path.removeprefix("/")
    value = None if operation["op"] == "remove" else operation.get("value")
    fault = _patch_fault(path, value)
    if fault:
        raise invalid_field(RESOURCE, path, fault)
    return path, value


def _patch_fault(path: str, value: Any) -> str | None:
    expected = find_field(PAYMENT_FIELDS, path)
    return "no such field" if expected is None else fault_in(expected, value)


def _error(name: str, message: str, code: str = "InvalidField") -> FieldError:
    return FieldError(code, f"The field {name}: {message}.", RESOURCE, name)
