"""ConnectWise's invoices and payments, in memory; nothing of HTTP."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from payments.errors import AnswerLost, NotFound, RecordRejected
from payments.models import Invoice, JsonValue, Payment


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it does, to which invoice and payment, with which amount."""

    action: str
    invoice_id: int
    payment_id: int | None = None
    amount: Decimal | None = None


class FakeConnectWise:
    """Invoices with at most one payment each, unless a test adds more.

    Ids of payments follow from their invoice, so that they do not depend on the order in which
    threads create them. `before` is called with each call before it takes effect, `after` behind
    it; they may raise what a real call raises.
    """

    def __init__(self, *invoice_ids: int) -> None:
        self.before: Callable[[Call], None] = lambda _: None
        self.after: Callable[[Call], None] = lambda _: None
        self.calls: list[Call] = []
        self.changes: list[Call] = []
        self.waits: list[int] = []
        self.held: dict[int, dict[int, Decimal | None]] = {number: {} for number in invoice_ids}
        self._numbers = {number: f"INV-{number}" for number in invoice_ids}

    @property
    def writes(self) -> list[Call]:
        """All calls that mean to change payments; `changes` are those that did."""
        return [call for call in self.calls if call.action in ("create", "update")]

    def add_payment(self, invoice_id: int, amount: str | None) -> int:
        """Record a payment as somebody else would, and return its id."""
        payments = self.held[invoice_id]
        payment_id = invoice_id * 100 + len(payments) + 1
        payments[payment_id] = None if amount is None else Decimal(amount)
        return payment_id

    def set_number(self, invoice_id: int, number: str) -> None:
        """Give an invoice another number."""
        self._numbers[invoice_id] = number

    # What `PaymentApi` asks for

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        with self._call(Call("payments", invoice_id)):
            found = dict(self._payments_of(invoice_id))
            return tuple(Payment(number, amount) for number, amount in found.items())

    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment:
        amount = _amount(fields)
        with self._call(Call("create", invoice_id, None, amount)):
            if self._payments_of(invoice_id):
                raise RecordRejected("ConnectWise: the invoice has a payment (code ObjectExists)")
            payment_id = self.add_payment(invoice_id, str(amount))
            return Payment(payment_id, amount)

    def update_payment(
        self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]
    ) -> Payment:
        with self._call(Call("update", invoice_id, payment_id, _amount(fields))):
            payments = self._payments_of(invoice_id)
            if payment_id not in payments:
                raise NotFound("ConnectWise: payment not found")
            if "amount" in fields:
                payments[payment_id] = _amount(fields)
            return Payment(payment_id, payments[payment_id])

    def wait_after(self, failures: int) -> None:
        self.waits.append(failures)

    # What `Invoices` asks for

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        return [self._invoice(number) for number in ids if number in self.held]

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        wanted = {number.casefold() for number in numbers}
        return [
            self._invoice(number)
            for number, text in self._numbers.items()
            if text.casefold() in wanted
        ]

    def _invoice(self, invoice_id: int) -> Invoice:
        amounts = tuple(self.held[invoice_id].values())  # other threads may add some
        paid = sum((amount or Decimal(0) for amount in amounts), Decimal(0))
        return Invoice(invoice_id, self._numbers[invoice_id], paid)

    def _payments_of(self, invoice_id: int) -> dict[int, Decimal | None]:
        if invoice_id not in self.held:
            raise NotFound("ConnectWise: invoice not found")
        return self.held[invoice_id]

    def _call(self, call: Call) -> "_Calling":
        return _Calling(self, call)


class _Calling:
    """A call on its way: noted, and disturbed if a test wants that."""

    def __init__(self, connectwise: FakeConnectWise, call: Call) -> None:
        self._connectwise = connectwise
        self._made = call

    def __enter__(self) -> None:
        self._connectwise.calls.append(self._made)
        self._connectwise.before(self._made)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        if self._made.action != "payments":
            self._connectwise.changes.append(self._made)
        self._connectwise.after(self._made)


def losing_answers(times: int, action: str = "create") -> Callable[[Call], None]:
    """Return a disturbance that loses the answer to the first calls of a kind."""
    left = [times]

    def lose(call: Call) -> None:
        if call.action == action and left[0] > 0:
            left[0] -= 1
            raise AnswerLost("a reset connection")

    return lose


def _amount(fields: Mapping[str, JsonValue]) -> Decimal | None:
    amount = fields.get("amount")
    return amount if isinstance(amount, Decimal) else None
