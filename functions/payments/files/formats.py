"""Tell what a file is that is not a file of payments, and what to do instead."""

from __future__ import annotations

import re

_EXPORT = "Export the payments as XML with the root <InvoicePayments>."
_CONVERT = (
    "`payments convert` makes a file of payments of a table that is saved as CSV. Or "
    f"else: {_EXPORT[0].lower()}{_EXPORT[1:]}"
)
_UNPACK = "Unpack it, and upload the XML file that is in it."

_MOST_BYTES = 4096
# How a file begins, what it is then, and what to do instead.
_BEGINNINGS = (
    (rb"PK\x03\x04(?=.*\[Content_Types\]\.xml)", "an Excel or Word document", _CONVERT),
    (rb"PK[\x03\x05]|\x1f\x8b|Rar!|7z\xbc\xaf", "a packed archive", _UNPACK),
    (rb"\xd0\xcf\x11\xe0", "an Excel or Word document of an old kind", _CONVERT),
    (rb"%PDF", "a PDF document", _EXPORT),
    (rb"\{\\rtf", "a text of a word processor (RTF)", _EXPORT),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*", "a picture", _EXPORT),
    (rb"\0\x05\x16[\0\x07]", "what a Mac leaves beside a copied file", "Upload the file itself."),
    (rb"(?i)\s*(?:<!DOCTYPE\s+html|<html)\b", "a web page (HTML)", _EXPORT),
    (rb"\s*[\[{]", "JSON", _EXPORT),
    (rb"\s*[^<>\r\n,;\t|]*[,;\t|]", "text, perhaps a table (CSV)", _CONVERT),
)
_NOT_XML = "the file is not XML: it must begin with <?xml or with <InvoicePayments>. " + _EXPORT

_ROOTS = {
    "workbook": f"This is an Excel workbook, saved as Excel's own XML. {_CONVERT}",
    "html": f"This is a web page. {_EXPORT}",
    "document": f"This may be a bank's statement or a payment order. {_EXPORT}",
    "envelope": f"This is a message of a web service (SOAP), or from Tally. {_EXPORT}",
    "error": "This is a server's error message: fetch the file again.",
    "truthrecords": "This is a truth table: `payments truth import` reads it.",
    "invoicepayment": "Put the records into one <InvoicePayments>.",
    "arrayofinvoicepayment": "Rename it, at its beginning and its end.",
    "invoicepayments": "Rename it, at its beginning and its end: capital letters count.",
}


def other_format(head: bytes) -> str | None:
    """Say what a file is whose first bytes are no XML, None if they may be."""
    head = head[:_MOST_BYTES]
    for beginning, name, cure in _BEGINNINGS:
        if re.match(beginning, head, re.DOTALL):
            return f"this is {name}, not XML. {cure}"
    return None if not head.strip() or head.lstrip().startswith(b"<") else _NOT_XML


def about_root(name: str) -> str:
    """Say what a file with another root is, and what to do instead."""
    return _ROOTS.get(name.lower(), _EXPORT)
