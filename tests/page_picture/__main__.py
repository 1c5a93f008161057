"""Take the README's picture of a page: `python -m page_picture`. It needs a Chromium."""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from component.browser import Browser, Look, find_browser
from e2e.deployed import FIRST_INVOICE, INVOICE_NUMBER, SECRET_NAME, Deployment, deploy
from e2e.payment_xml import payment, payment_file
from local_stack import LocalStack
from simulator.control import Simulator

PICTURE = Path(__file__).with_name("page.png")
STACK = "connectwise-payments"
LOOK = Look(800)
_INVOICES = 300
_COLOURS = 64


def main() -> str | None:
    """Deploy, import, look; return what is wrong, if anything is."""
    program = find_browser()
    if program is None:
        return "There is no Chromium on this machine."
    with Simulator() as connectwise, LocalStack() as local_stack:
        local_stack.put_secret(SECRET_NAME, connectwise.secret)
        parameters = {"PreventReprocessing": "true"}
        page = _page(deploy(local_stack, connectwise, STACK, parameters))
    with tempfile.TemporaryDirectory() as folder, Browser(program) as browser:
        file = Path(folder, "october.html")
        file.write_bytes(page)
        picture = Image.open(BytesIO(browser.picture(file, LOOK)))
    picture.convert("RGB").quantize(_COLOURS).save(PICTURE, optimize=True)
    print(f"Written: {PICTURE}")
    return None


def _page(deployment: Deployment) -> bytes:
    """Import a month's payments, some of which are wrong, and return the page about them."""
    deployment.connectwise.add_invoices(
        count=_INVOICES, first_id=FIRST_INVOICE, number=INVOICE_NUMBER, total="2500.00"
    )
    earlier = [_payment(0, "400.00", "2026-09-28"), _payment(1, "1250.00", "2026-09-30")]
    deployment.import_file(payment_file(*earlier), "september.xml")
    deployment.finished_import("september.xml")
    good = [_payment(n, f"{90 + 7 * n}.50", "2026-10-09") for n in range(10, 280)]
    deployment.import_file(payment_file(*good, *_others()), "october.xml")
    deployment.finished_import("october.xml")
    return deployment.bucket.read("reports/october.html")


def _others() -> list[str]:
    """Return a payment to skip, one that replaces another, and some that fail."""
    unknown = payment(
        external_id="RC-5113", number="INV-1099", amount="310.00", paymentDate="2026-10-12"
    )
    return [
        _payment(1, "1250.00", "2026-09-30"),
        _payment(0, "600.00", "2026-10-28", "RC-5112"),
        unknown,
        _payment(3, "1.488,69", "2026-10-12"),
        _payment(4, "75.00", "12.10.2026"),
        payment(external_id="RC-5116", invoice=FIRST_INVOICE + 5, ammount="20.00"),
    ]


def _payment(place: int, amount: str, day: str, external_id: str | None = None) -> str:
    number = INVOICE_NUMBER.format(id=FIRST_INVOICE + place)
    return payment(
        external_id=external_id or f"RC-{4000 + place}",
        number=number,
        amount=amount,
        paymentDate=day,
    )


if __name__ == "__main__":
    sys.exit(main())
