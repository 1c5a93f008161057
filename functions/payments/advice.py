"""What is to be done about an import that did not record everything: page and mail say the same."""

from __future__ import annotations

from payments.import_state import Ending, Tally


def what_to_do(ending: Ending, tally: Tally) -> str:
    """Say what to do about the fail file of an import, or about a file without outcomes."""
    if ending is Ending.STOPPED:
        return _stopped(tally)
    return (_WITH_RECORDS if tally.done else _NOTHING_SENT)[ending]


def _stopped(tally: Tally) -> str:
    """Nothing is wrong with the file, so nothing is to be corrected."""
    if not tally.done:
        return (
            "It was stopped before it began. Nothing was sent, and the original file has all its "
            "records. Nothing is to be done. If it is to be imported after all, upload the "
            "original again."
        )
    recorded = tally.created + tally.updated
    payments = "1 payment was" if recorded == 1 else f"{recorded:,} payments were"
    return (
        f"{payments} recorded before it was stopped; the rest is in the fail file. Nothing is to "
        "be done about those that were not sent. If they are to be imported after all, upload the "
        "fail file, under another name."
    )


_CORRECT = (
    "What to do: correct these records in the fail file, and upload that as it is, under another "
    "name. Its error messages are ignored, and the payments that succeeded are not in it."
)
_NOT_SENT = "Nothing was sent to ConnectWise."
_WITH_RECORDS = {
    Ending.COMPLETE: _CORRECT,
    Ending.REFUSED: _CORRECT,
    Ending.GIVEN_UP: (
        "What to do: first look at those of which it is not known whether ConnectWise has recorded "
        "them, and take out of the fail file what is there. Then mend the cause, correct what "
        "failed for another reason, and upload the rest, under another name. The payments that "
        "succeeded are not in the fail file."
    ),
}
_NOTHING_SENT = {
    Ending.COMPLETE: _NOT_SENT,
    Ending.REFUSED: f"{_NOT_SENT} Correct the file and upload it again.",
    Ending.GIVEN_UP: f"{_NOT_SENT} Mend the cause, then upload the file again.",
}
