"""A file that has everything in it, and the world that it comes into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from payments.importer import Importer
from resilience.fake_connectwise import FakeInvoice
from resilience.invariants import Ending, check, check_settled, ending
from resilience.world import Run, Settings, World

INVOICES = [
    *(FakeInvoice(number) for number in range(1, 21)),
    replace(FakeInvoice(16), credits=Decimal(100)),
]

RECORDS = (
    "<invoice><id>1</id></invoice><externalId>E1</externalId><amount>10.00</amount>",
    "<invoice><id>2</id></invoice><amount>20</amount>",
    "<invoice><identifier>INV-3</identifier></invoice><externalId>E3</externalId>"
    "<amount>30.5</amount><paymentDate>2018-10-11</paymentDate>",
    # Invoice 4 has a payment already.
    "<invoice><id>4</id></invoice><amount>40</amount>",
    "<invoice><id>2</id></invoice><externalId>E5</externalId><amount>25</amount>",
    "<invoice><id>6</id></invoice><externalId>E6</externalId><amount>abc</amount>",
    # The truth table knows K7.
    "<externalId>K7</externalId><amount>70</amount>",
    "<invoice><id>1</id></invoice><externalId>E1</externalId><amount>11</amount>",
    "<invoice><id>9</id></invoice><externalId>E9</externalId><amount>150</amount>",
    "<invoice><id>10</id></invoice><amount>0.00</amount>",
    "<invoice><id>10</id></invoice><externalId>E11</externalId><amount>12</amount>",
    "<invoice><id>999</id></invoice><externalId>E12</externalId><amount>1</amount>",
    # Invoice 13 has a payment already.
    "<id>1301</id><invoice><id>13</id></invoice><type>P</type>",
    "<externalId>E14</externalId><amount>14</amount>",
    "<invoice><identifier>INV-2</identifier></invoice><amount>26</amount>",
    # Invoice 16 has nothing left to pay.
    "<invoice><id>16</id></invoice><amount>50</amount>",
    "<invoice><id>17</id></invoice><externalId>E17</externalId><amount>17</amount>",
    "<invoice><id>17</id></invoice><type>P</type><appliedBy>somebody</appliedBy>",
    "<externalId>E17</externalId><invoice><identifier>INV-17</identifier></invoice>"
    "<amount>18</amount>",
)


def file_of(*records: str) -> bytes:
    """Return a file of records, each with its number as an attribute to tell them apart."""
    lines = (
        f'<InvoicePayment n="{number}">{record}</InvoicePayment>'
        for number, record in enumerate(records, start=1)
    )
    return f"<InvoicePayments>{''.join(lines)}</InvoicePayments>".encode()


FILE = file_of(*RECORDS)


def world(disk: Path, settings: Settings, build: Callable[..., Importer] = Importer) -> World:
    """Return the world before the file arrives."""
    new = World(disk, INVOICES, settings, build)
    new.connectwise.add_payment(4, amount=Decimal(5), type="C")
    new.connectwise.add_payment(13, amount=Decimal(13))
    payment_id = new.connectwise.add_payment(7, amount=Decimal(7))
    new.know("K7", invoice_id=7, payment_id=payment_id)
    return new


def uninterrupted(disk: Path, settings: Settings) -> tuple[Run, Ending]:
    """Return an undisturbed import of the file: its one run, and how it ends."""
    new = world(disk / "uninterrupted", settings)
    source = new.upload(FILE)
    [run] = new.deliver(source)
    check(new, source, FILE)
    check_settled(new, source)
    return run, ending(new, source)
