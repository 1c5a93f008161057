"""Invoices that a message without an answer may still reach."""

from payments.quiet import CALL_SECONDS, SETTLE_SECONDS, Quiet

BEFORE_ALL_TIME = float("-inf")


def test_an_invoice_alone_is_in_quiet_as_long_as_a_message_may_arrive() -> None:
    quiet = Quiet()
    quiet.begin(1, now=100.0)
    assert quiet.ends(1) == 100.0 + SETTLE_SECONDS
    assert SETTLE_SECONDS >= CALL_SECONDS
    assert (quiet.ends(2), quiet.was_disturbed(2)) == (BEFORE_ALL_TIME, False)


def test_each_further_message_begins_it_anew() -> None:
    quiet = Quiet()
    quiet.begin(1, now=100.0)
    quiet.begin(1, now=110.0)
    assert quiet.ends(1) == 110.0 + SETTLE_SECONDS


def test_a_message_that_has_arrived_ends_it_but_what_was_looked_up_before_is_not_sure() -> None:
    quiet = Quiet()
    quiet.begin(1, now=100.0)
    quiet.end(1)
    assert quiet.ends(1) == BEFORE_ALL_TIME
    assert quiet.was_disturbed(1)


def test_all_is_quiet_when_the_last_invoice_is() -> None:
    quiet = Quiet()
    assert quiet.all_end() == BEFORE_ALL_TIME
    quiet.begin(1, now=100.0)
    quiet.begin(2, now=120.0)
    quiet.begin(3, now=110.0)
    assert quiet.all_end() == 120.0 + SETTLE_SECONDS


def test_what_an_earlier_run_may_have_sent_is_doubtful() -> None:
    quiet = Quiet(doubtful_until=7)
    assert quiet.is_doubtful(7)
    assert not quiet.is_doubtful(8)
    assert not Quiet().is_doubtful(1)


def test_what_is_under_way_stays_so_whatever_else_becomes_doubtful() -> None:
    """Sending may begin twice in one run: the rest of a file that was cut short."""
    first = Quiet()
    first.begin(7, 100.0)
    second = first.doubting(3)
    assert (second.ends(7), second.all_end()) == (first.ends(7), first.all_end())
    assert (second.is_doubtful(3), second.is_doubtful(4)) == (True, False)
