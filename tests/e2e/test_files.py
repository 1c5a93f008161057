"""Input, success and fail files, on the deployed template."""

import re
from decimal import Decimal
from html import unescape

import pytest

from e2e.deployed import FIRST_INVOICE, Deployment
from e2e.payment_xml import payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

DECLARATION = '<?xml version="1.0" encoding="{}"?>\n'


def amounts(connectwise: Simulator, invoice: int) -> list[Decimal]:
    return [each["amount"] for each in connectwise.payments(invoice)]


def tags_and_text(xml: bytes) -> list[str]:
    """Everything but the blanks between tags."""
    return [piece for piece in re.split(r"\s*(<[^>]*>)\s*", xml.decode()) if piece]


# How a file may be written


def test_zynk_s_sample_works_as_it_stands(deployment: Deployment, connectwise: Simulator) -> None:
    """A payment named by its id."""
    connectwise.add_invoices(count=2, first_id=206, number="{id}")
    for invoice_id in (207, 206):
        connectwise.add_payment(invoice_id, "1.00")
    assert connectwise.payments(206)[0]["id"] == 2
    sample = b"""<?xml version="1.0" encoding="utf-8"?>
<InvoicePayments xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <InvoicePayment>
    <id>2</id>
    <externalId>1234</externalId>
    <invoice>
      <id>206</id>
    </invoice>
    <amount>10</amount>
    <paymentDate>2018-10-11T00:00:00Z</paymentDate>
  </InvoicePayment>
</InvoicePayments>
"""
    outcome = deployment.import_file(sample)
    assert outcome.success == sample
    assert amounts(connectwise, 206) == [Decimal(10)]


def test_a_file_without_records_succeeds_with_two_empty_files(deployment: Deployment) -> None:
    """There is nothing wrong with it."""
    name = deployment.new_name()
    outcome = deployment.import_file(b'<InvoicePayments xml:lang="en" />', name)
    assert tags_and_text(outcome.success)[1:] == [
        '<InvoicePayments xml:lang="en">',
        "</InvoicePayments>",
    ]
    assert outcome.success == outcome.fail
    assert deployment.finished_import(name)["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("declared", "codec", "mark", "receipt"),
    [
        ("utf-16", "utf-16-le", b"\xff\xfe", "支払い-€-\U0001f4b6-{}"),
        ("windows-1252", "cp1252", b"", "Müller-{}"),
    ],
)
def test_any_encoding_is_read_and_utf_8_comes_back(
    deployment: Deployment, invoice: int, declared: str, codec: str, mark: bytes, receipt: str
) -> None:
    """Accounting packages write what they like."""
    receipt = receipt.format(invoice)
    text = payment_file(payment(external_id=receipt, invoice=invoice, amount="1.00")).decode()
    outcome = deployment.import_file(mark + text.replace("utf-8", declared, 1).encode(codec))
    assert outcome.file_errors == []
    assert outcome.success.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n')
    assert [record.values["externalId"] for record in outcome.succeeded] == [receipt]
    assert deployment.truth(receipt)["invoiceId"] == invoice


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (payment_file(payment(invoice=FIRST_INVOICE, amount="1.00"))[:-5], "line 4, column "),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "DTDs"),
    ],
)
def test_a_file_that_is_wrong_is_refused_before_any_call(
    deployment: Deployment, connectwise: Simulator, content: bytes, reason: str
) -> None:
    """The fail file says where and why; the success file is empty."""
    name = deployment.new_name()
    outcome = deployment.import_file(content, name)
    [error] = outcome.file_errors
    assert reason in error
    assert outcome.failed == outcome.succeeded == []
    assert connectwise.counts().total == 0
    assert deployment.finished_import(name)["status"] == "Failed"
    assert deployment.finished_import(name)["error"] == error


# What comes back


def test_many_records_come_back_in_order(deployment: Deployment, connectwise: Simulator) -> None:
    """More than one chunk, sent by several threads."""
    first = FIRST_INVOICE + 50_000  # beyond those of the other tests
    records = [
        payment(external_id=f"many-{n}", invoice=first + n if n % 7 else 5, amount="1.00")
        for n in range(1_200)
    ]
    outcome = deployment.import_records(*records)
    receipts = [record.values["externalId"] for record in outcome.succeeded]
    assert receipts == [f"many-{n}" for n in range(1_200) if n % 7]
    receipts = [record.values["externalId"] for record in outcome.failed]
    assert receipts == [f"many-{n}" for n in range(1_200) if not n % 7]
    assert connectwise.counts().creates == len(outcome.succeeded)


def test_an_error_message_is_escaped(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """What ConnectWise says may hold anything."""
    text = "5 < 6 & \"]]>\" \u0007 'ü'"
    connectwise.add_fault(method="POST", status=400, answer={"message": text})
    outcome = deployment.import_records(payment(invoice=invoice, amount="1.00"))
    assert outcome.errors == [f"ConnectWise: {text}".replace("\u0007", " ")]


def test_both_files_carry_the_import_id_and_the_counts(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """As metadata of the objects."""
    first, second, *_ = invoices
    connectwise.add_payment(first, "1.00")
    name = deployment.new_name()
    outcome = deployment.import_file(
        payment_file(
            payment(invoice=first, amount="2.00"),
            payment(invoice=second, amount="2.00"),
            payment(invoice=5, amount="2.00"),
            payment(amount="2.00"),
        ),
        name,
    )
    entry = deployment.finished_import(name)
    assert outcome.metadata == {
        "import-id": entry["importId"],
        "total": "4",
        "created": "1",
        "updated": "1",
        "skipped": "0",
        "failed": "2",
        "total-amount": "8.00",
        "recorded-amount": "4.00",
        "skipped-amount": "0",
        "failed-amount": "4.00",
        "replaced": "1",
        "replaced-amount": "1.00",
    }
    assert deployment.bucket.metadata(f"success/{name}") == outcome.metadata


def test_a_page_says_what_came_of_a_file(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """It comes as HTML, with the same metadata as the two files."""
    connectwise.add_payment(invoice, "1.00")
    name = deployment.new_name()
    outcome = deployment.import_file(
        payment_file(
            payment(external_id="R-1", invoice=invoice, amount="4.00", paymentDate="2026-03-04"),
            payment(external_id="<R-2>", invoice=5, amount="2.00", paymentDate="2026-03-05"),
        ),
        name,
    )
    key = f"reports/{name.removesuffix('.xml')}.html"
    deployment.bucket.wait_for(key)
    found = deployment.bucket.s3.head_object(Bucket=deployment.bucket.name, Key=key)
    assert found["ContentType"] == "text/html; charset=utf-8"
    assert found["Metadata"] == outcome.metadata
    page = unescape(re.sub(r"(<[^>]*>)+", "|", deployment.bucket.read(key).decode()))
    assert "|1 of 2 payments failed, 1 replaced|" in page
    assert "|All|without failed records whose amount cannot be read|2|6.00|" in page
    assert f"|<R-2>|5|2.00|2026-03-05|{outcome.errors[0]}|" in page
    assert f"|R-1|{invoice}|4.00|2026-03-04|Payment " in page


@pytest.mark.parametrize(
    "name",
    [
        "a+b c.xml",
        "100%25 %2B.xml",
        "Zahlungen €.xml",
        "a//b.xml",
        "quote ' \" & <x>.xml",
        "SHOUTING.XML",
        "incoming/again.xml",
    ],
)
def test_files_come_back_under_the_name_that_they_had(
    deployment: Deployment, invoice: int, name: str
) -> None:
    """Whatever S3 allows in a key."""
    outcome = deployment.import_file(
        payment_file(payment(external_id=f"R-{invoice}", invoice=invoice, amount="1.00")), name
    )
    assert [record.values["externalId"] for record in outcome.succeeded] == [f"R-{invoice}"]
    assert deployment.truth(f"R-{invoice}")["key"] == f"incoming/{name}"


# The sample files
