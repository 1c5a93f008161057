"""Input, success and fail files, on the deployed template."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from e2e.deployed import EVENTS, FIRST_INVOICE, Deployment, invoice_number
from e2e.payment_xml import payment, payment_file, read_records
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


@pytest.mark.parametrize(
    ("declared", "codec", "mark"),
    [
        ("utf-8", "utf-8", b""),
        ("utf-8", "utf-8", b"\xef\xbb\xbf"),
        ("UTF-16", "utf-16-le", b"\xff\xfe"),
        ("utf-16", "utf-16-be", b"\xfe\xff"),
        ("UTF-16LE", "utf-16-le", b""),
        ("ISO-8859-1", "latin-1", b""),
        ("iso-8859-15", "iso-8859-15", b""),
        ("windows-1252", "cp1252", b""),
        ("IBM037", "cp037", b""),
        ("utf-32", "utf-32-le", b"\xff\xfe\0\0"),
    ],
)
def test_every_encoding_is_read_and_utf_8_comes_back(
    deployment: Deployment, invoice: int, declared: str, codec: str, mark: bytes
) -> None:
    """Accounting packages write what they like."""
    receipt = f"Müller-{invoice}"
    text = payment_file(payment(external_id=receipt, invoice=invoice, amount="1.00")).decode()
    content = mark + text.replace("utf-8", declared, 1).encode(codec)
    outcome = deployment.import_file(content)
    assert outcome.file_errors == []
    assert outcome.success.startswith(DECLARATION.format("utf-8").encode())
    assert [record.values["externalId"] for record in outcome.succeeded] == [receipt]
    assert deployment.truth(receipt)["invoiceId"] == invoice


def test_characters_outside_latin_1_are_kept(deployment: Deployment, invoice: int) -> None:
    """In the truth table's key and in the success file."""
    receipt = f"支払い-€-\U0001f4b6-{invoice}"
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="1.00")
    )
    assert outcome.succeeded[0].values["externalId"] == receipt
    assert deployment.truth(receipt)["invoiceId"] == invoice


@pytest.mark.parametrize("prefix", ["", "p:"])
def test_a_namespace_is_fine(
    deployment: Deployment, connectwise: Simulator, invoice: int, prefix: str
) -> None:
    """Elements are known by their local names, and what is added wears the record's prefix."""
    p, xmlns = prefix, f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    content = f"""<{p}InvoicePayments {xmlns}="urn:example">
  <{p}InvoicePayment><{p}invoice><{p}id>{invoice}</{p}id></{p}invoice><{p}amount>7</{p}amount></{p}InvoicePayment>
  <{p}InvoicePayment><{p}amount>7</{p}amount></{p}InvoicePayment>
</{p}InvoicePayments>"""
    outcome = deployment.import_file(content.encode())
    assert amounts(connectwise, invoice) == [Decimal(7)]
    created = connectwise.payments(invoice)[0]["id"]
    assert f"<{p}InvoicePayment><{p}id>{created}</{p}id><{p}invoice>".encode() in outcome.success
    assert f"</{p}ErrorMessage></{p}InvoicePayment>".encode() in outcome.fail
    assert len(outcome.errors) == 1


def test_comments_cdata_references_and_instructions_are_fine(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """They come back as they were written."""
    record = (
        f"<!-- <id>9</id> --><?pay now?><externalId><![CDATA[<R&>]]>{invoice}</externalId>"
        f"<invoice><id><!-- no -->{str(invoice)[0]}<![CDATA[{str(invoice)[1:]}]]></id></invoice>"
        "<amount>&#49;2.<!-- . -->50</amount><appliedBy>A &amp; B</appliedBy>"
    )
    content = f"<InvoicePayments><InvoicePayment>{record}</InvoicePayment></InvoicePayments>"
    outcome = deployment.import_file(content.encode())
    [created] = connectwise.payments(invoice)
    assert (created["amount"], created["appliedBy"]) == (Decimal("12.50"), "A & B")
    assert f"<id>{created['id']}</id>{record}</InvoicePayment>".encode() in outcome.success
    assert deployment.truth(f"<R&>{invoice}")["paymentId"] == created["id"]


def test_a_file_without_records_succeeds_with_two_empty_files(deployment: Deployment) -> None:
    """There is nothing wrong with it."""
    name = deployment.new_name()
    outcome = deployment.import_file(b'<InvoicePayments a="1" />', name)
    assert tags_and_text(outcome.success)[1:] == ['<InvoicePayments a="1">', "</InvoicePayments>"]
    assert outcome.success == outcome.fail
    assert deployment.finished_import(name)["status"] == "Succeeded"


# Files that are refused as a whole

BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi"))  # noqa: B905
    + "]>"
)
GOOD = payment_file(payment(invoice=FIRST_INVOICE, amount="1.00")).decode()
BODY = GOOD.partition("\n")[2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1, column 1: the file is empty"),
        (" \n ", "the file is empty"),
        ("invoice;amount\n1;2\n", "line 1, column 8: the file is not well-formed XML"),
        ('{"amount": 1}', "not well-formed"),
        ("PK\x03\x04\x14", "not well-formed"),
        ("<Payments/>", "line 1, column 1: the root element is <Payments>"),
        ("<invoicepayments/>", "must be <InvoicePayments>"),
        ("<InvoicePayments>\n  12\n</InvoicePayments>", "line 2, column 3: there is text"),
        (f"{BODY}<InvoicePayments/>", "not well-formed"),
        (f"{BODY}rubbish", "not well-formed"),
        (BODY.replace("</invoice>", "</Invoice>"), "line 2, column "),
        (BODY.replace("1.00", "1 & 2"), "line 2, column "),
        (BODY.replace("1.00", "&nbsp;"), "line 2, column "),
        (BODY.replace("1.00", "\x01"), "line 2, column "),
        (DECLARATION.format("klingon") + BODY, "the encoding 'klingon' is not known"),
        (DECLARATION.format("utf-16") + BODY, "the file says that it is utf-16"),
        (f"<!DOCTYPE InvoicePayments>{BODY}", "DTDs, entity declarations"),
        (f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{BODY}', "DTDs, entity declarations"),
        (
            f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{BODY.replace("1.00", "&a;")}',
            "DTDs, entity declarations",
        ),
        (BILLION_LAUGHS + BODY.replace("1.00", "&i;"), "DTDs, entity declarations"),
    ],
)
def test_a_file_that_is_wrong_is_refused_before_any_call(
    deployment: Deployment, connectwise: Simulator, content: str, reason: str
) -> None:
    """The fail file says where and why; the success file is empty."""
    name = deployment.new_name()
    outcome = deployment.import_file(content.encode(), name)
    [error] = outcome.file_errors
    assert re.match(r"line \d+, column \d+: ", error)
    assert reason in error
    assert outcome.failed == outcome.succeeded == []
    assert connectwise.counts().total == 0
    assert deployment.finished_import(name)["status"] == "Failed"
    assert deployment.finished_import(name)["error"] == error


def test_bytes_that_are_not_the_declared_encoding_are_refused(
    deployment: Deployment, connectwise: Simulator
) -> None:
    """Wherever in the file they are."""
    content = GOOD.replace("</InvoicePayments>", "<!-- ü --></InvoicePayments>")
    assert deployment.import_file(content.encode("latin-1")).file_errors
    assert connectwise.counts().total == 0


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_file_that_was_cut_off_anywhere_sends_nothing(
    deployment: Deployment, connectwise: Simulator, invoices: list[int], codec: str
) -> None:
    """Also behind its last record: the root's end is missing."""
    text = payment_file(*(payment(invoice=each, amount="1.00") for each in invoices[:3])).decode()
    whole = text.replace("utf-8", codec, 1).rstrip("\n").encode(codec)
    lengths = [*range(0, len(whole), len(whole) // 25), len(whole) - 1]
    names = [f"cut/{codec}/{length:05}.xml" for length in lengths]
    for name, length in zip(names, lengths, strict=True):
        deployment.upload(whole[:length], name)
    outcomes = [deployment.outcome(name) for name in names]
    assert all(len(outcome.file_errors) == 1 for outcome in outcomes)
    assert connectwise.counts().total == 0


def test_a_refused_file_can_be_corrected_in_its_fail_file(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The message under the root is no record."""
    refused = deployment.import_file(b"<InvoicePayments>cut")
    record = payment(invoice=invoice, amount="3.00")
    corrected = refused.fail.replace(b"</ErrorMessage>", b"</ErrorMessage>" + record.encode())
    outcome = deployment.import_file(corrected)
    assert outcome.errors == outcome.file_errors == []
    assert amounts(connectwise, invoice) == [Decimal("3.00")]


# What comes back


def test_every_record_comes_back_once_in_order_and_as_it_was(
    deployment: Deployment, invoices: list[int]
) -> None:
    """A success gets its id, a failure its messages, nothing else is touched."""
    good = [payment(external_id=f"R-{each}", invoice=each, amount="1.00") for each in invoices]
    bad = [record.replace("amount", "ammount") for record in good]
    mixed = [bad[n] if n % 3 == 1 else good[n] for n in range(len(good))]
    outcome = deployment.import_records(*mixed)

    without_ids = re.sub(rb"<id>\d+</id>(?=<externalId>)", b"", outcome.success)
    without_messages = re.sub(rb"<ErrorMessage>.*?</ErrorMessage>", b"", outcome.fail)
    succeeded = payment_file(*(record for record in mixed if record in good))
    failed = payment_file(*(record for record in mixed if record in bad))
    assert without_ids == succeeded
    assert without_messages == failed


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


def test_a_corrected_fail_file_works_as_it_stands(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Its ErrorMessages are ignored, and gone afterwards."""
    first, second, third, *_ = invoices
    failed = deployment.import_records(
        payment(invoice=first, amount="1.00"),
        payment(invoice=second, more="<ammount>2.00</ammount>"),
        payment(invoice=third, amount="3,00", paymentDate="soon"),
    )
    assert len(failed.failed) == 2
    assert len(failed.errors) == 3
    corrected = failed.fail.replace(b"ammount", b"amount").replace(b"3,00", b"3.00")
    again = deployment.import_file(corrected)
    assert [record.values["amount"] for record in again.succeeded] == ["2.00"]
    assert b"ErrorMessage" not in again.success
    assert len(again.errors) == 1  # the date, once
    final = deployment.import_file(again.fail.replace(b"soon", b"2026-03-02"))
    assert final.errors == []
    assert [amounts(connectwise, each) for each in (first, second, third)] == [
        [Decimal("1.00")],
        [Decimal("2.00")],
        [Decimal("3.00")],
    ]


def test_error_messages_are_the_last_children_of_their_record(
    deployment: Deployment,
) -> None:
    """Zynk's form; earlier ones are dropped, however many there were."""
    old = "<ErrorMessage>old</ErrorMessage>"
    record = f"<InvoicePayment>{old}<id>x</id>{old}<amount>y</amount>{old}</InvoicePayment>"
    outcome = deployment.import_records(record)
    [line] = [line for line in outcome.fail.decode().splitlines() if "<InvoicePayment>" in line]
    assert re.fullmatch(
        r" *<InvoicePayment><id>x</id><amount>y</amount>"
        r"(<ErrorMessage>(?!old).*?</ErrorMessage>){2}</InvoicePayment>",
        line,
    )


def test_an_error_message_is_escaped(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """What ConnectWise says may hold anything."""
    text = "5 < 6 & \"]]>\" \u0007 'ü'"
    connectwise.add_fault(method="POST", status=400, answer={"message": text})
    outcome = deployment.import_records(payment(invoice=invoice, amount="1.00"))
    assert outcome.errors == [f"ConnectWise: {text}".replace("\u0007", "\ufffd")]


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
    }
    assert deployment.bucket.metadata(f"success/{name}") == outcome.metadata


@pytest.mark.parametrize(
    "name",
    [
        "a+b c.xml",
        "100%.xml",
        "100%25 %2B.xml",
        "Zahlungen für März €.xml",
        "支払い.xml",
        "2026/03/02/bank.xml",
        "a//b.xml",
        "quote ' \" & <x>.xml",
        " leading and trailing .xml",
        "SHOUTING.XML",
        ".xml",
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


@pytest.fixture
def samples(connectwise: Simulator) -> Path:
    """The invoices that the sample files pay."""
    connectwise.add_invoices(count=30, first_id=201, number="INV-{id}", total="100.00")
    connectwise.add_payment(210, "25.00")
    return EVENTS


def test_the_good_sample_is_all_good(
    deployment: Deployment, connectwise: Simulator, samples: Path
) -> None:
    """Nine payments are created, and the one on invoice 210 is updated."""
    outcome = deployment.import_file((samples / "payments-good.xml").read_bytes())
    assert outcome.failed == []
    assert (outcome.metadata["created"], outcome.metadata["updated"]) == ("9", "1")
    assert amounts(connectwise, 210) == [Decimal("60.00")]


def test_the_sample_with_errors_shows_several_kinds(deployment: Deployment, samples: Path) -> None:
    """Two of ten records are fine."""
    content = (samples / "payments-with-errors.xml").read_bytes()
    outcome = deployment.import_file(content)
    assert len(outcome.succeeded) == 2
    assert len(outcome.failed) == 8
    assert len(set(outcome.errors)) == 9
    assert len(read_records(content)) == 10


def test_the_sample_for_two_uploads_updates_the_second_time(
    deployment: Deployment, connectwise: Simulator, samples: Path
) -> None:
    """The external ids are known by then, and no payment is doubled."""
    content = (samples / "payments-twice.xml").read_bytes()
    first, second = (deployment.import_file(content) for _ in range(2))
    assert (first.metadata["created"], second.metadata["updated"]) == ("5", "5")
    assert first.success == second.success
    assert [len(connectwise.payments(each)) for each in range(221, 226)] == [1] * 5
    assert invoice_number(221).encode() in content
