"""Records of payments, as if they had been read from a file."""

from collections.abc import Mapping
from decimal import Decimal

from payments.models import JsonValue, PaymentRecord, RecordXml, TruthRecord

_SOURCE = b"<InvoicePayment></InvoicePayment>"
XML = RecordXml(_SOURCE, content=(16, 16))


def payment_record(
    number: int = 1,
    *,
    payment_id: int | None = None,
    external_id: str | None = None,
    invoice_id: int | None = None,
    invoice_number: str | None = None,
    amount: str | None = "10.00",
    other_fields: Mapping[str, JsonValue] | None = None,
    errors: tuple[str, ...] = (),
) -> PaymentRecord:
    """Return a record; its fields are the amount, unless that is None, and the others."""
    given: dict[str, JsonValue] = {} if amount is None else {"amount": Decimal(amount)}
    return PaymentRecord(
        number,
        XML,
        payment_id=payment_id,
        external_id=external_id,
        invoice_id=invoice_id,
        invoice_number=invoice_number,
        fields={**given, **(other_fields or {})},
        errors=errors,
    )


def truth_record(
    external_id: str = "A",
    payment_id: int = 70,
    invoice_id: int | None = 1,
    *,
    import_id: str | None = "earlier import",
    key: str | None = "incoming/earlier.xml",
    accepted: bool = True,
    amount: str | None = "10.00",
    day: str | None = None,
) -> TruthRecord:
    """Return an entry of the truth table, by default one that an earlier import has written."""
    return TruthRecord(
        external_id,
        payment_id,
        invoice_id,
        created="2024-01-01T00:00:00Z",
        modified="2024-02-03T04:05:06Z",
        import_id=import_id,
        key=key,
        accepted=accepted,
        amount=None if amount is None else Decimal(amount),
        day=day,
    )
