"""What goes wrong when: sequences over virtual time, drawn from a seed before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from random import Random

HOUR = 3600.0


class Form(Enum):
    """How ConnectWise, or what is in between, fails at a call."""

    NO_CONNECTION = auto()
    RESET = auto()  # after sending: it may arrive, now or later
    TIMEOUT = auto()  # likewise
    GATEWAY = auto()  # 502 or 504 in HTML: likewise
    SERVER_ERROR_PAGE = auto()  # 500 in HTML: likewise
    UNAVAILABLE = auto()  # 503 in HTML
    OTHER_PAGE = auto()  # a proxy's 4xx in HTML
    UNREADABLE = auto()  # it has arrived, and 200 comes with something odd
    THROTTLED = auto()
    UNAUTHORIZED = auto()
    BUSY = auto()  # 409


OUTAGES = (
    Form.NO_CONNECTION,
    Form.RESET,
    Form.TIMEOUT,
    Form.GATEWAY,
    Form.SERVER_ERROR_PAGE,
    Form.UNAVAILABLE,
    Form.OTHER_PAGE,
)
SINGLE = (*OUTAGES, *(Form.RESET, Form.TIMEOUT) * 3, Form.UNREADABLE, Form.THROTTLED)


@dataclass(frozen=True, slots=True)
class Outage:
    """Calls of a service fail from one time to another; `share` of them, of one kind or invoice."""

    begins: float
    ends: float
    service: str
    form: Form | None = None
    share: float = 1.0
    kinds: frozenset[str] = frozenset()
    invoice_id: int | None = None

    def strikes(self, service: str, kind: str, invoice_id: int | None, now: float) -> bool:
        """Tell whether it is about such a call."""
        return (
            self.begins <= now < self.ends
            and service == self.service
            and (not self.kinds or kind in self.kinds)
            and (self.invoice_id is None or self.invoice_id == invoice_id)
        )


@dataclass(frozen=True, slots=True)
class Kill:
    """A run dies `later` seconds after it has begun its call number `call`, or write to a payment.

    `holds_up`: that call arrives only after a while.
    """

    call: int
    later: float
    is_write: bool
    holds_up: bool


@dataclass(frozen=True, slots=True)
class Mishaps:
    """How often single calls and runs go wrong, until `ends`.

    `late` is the share of lost messages that arrive beyond the time for which they are waited. Each
    run is killed as `kills` says, and has as many seconds as `slices` says. `comes_soon`: the
    message of a killed run is visible again before its time. `poisoned` invoices always fail (500)
    when they are written to, or read; if the poison `works`, only the answer is wrong.
    """

    ends: float
    outages: tuple[Outage, ...] = ()
    lost: float = 0.0
    late: float = 0.0
    aws: float = 0.0
    busy: float = 0.0
    kills: tuple[Kill | None, ...] = ()
    comes_soon: bool = False
    slices: tuple[float | None, ...] = ()
    cold_starts: float = 0.0
    poisoned: frozenset[int] = frozenset()
    poisons_reads: bool = False
    poison_works: bool = False

    @property
    def may_give_up(self) -> bool:
        """Whether runs may be killed three times at the same place."""
        return bool(self.slices) or sum(kill is not None for kill in self.kills) >= 3


def mishaps(random: Random, ends: float, ids: Sequence[int], *, cuts: bool) -> Mishaps:
    """Return what goes wrong; each seed leaves much of it out (swarm testing)."""
    calm, poison = random.random() < 0.1, random.random()
    works = random.random() < 0.4 and not cuts
    return Mishaps(
        ends,
        outages=() if calm else _outages(random, ids, ends),
        lost=random.choice((0.0, 0.0, 0.1, 0.3)),
        late=random.choice((0.0, 0.0, 0.2, 0.6)),
        aws=random.choice((0.0, 0.0, 0.01, 0.05)),
        busy=random.choice((0.0, 0.0, 0.02)),
        kills=_kills(random),
        comes_soon=random.random() < 0.5,
        slices=_slices(random) if random.random() < 0.3 else (),
        cold_starts=random.choice((0.0, 0.5)),
        poisoned=frozenset(ids[:1] if poison < 0.03 else ids[1:3] if poison < 0.06 else ()),
        poisons_reads=random.random() < 0.3 and not works,
        poison_works=works,
    )


def storm(random: Random, ends: float) -> Mishaps:
    """Return what goes wrong in a storm: calls are lost, and runs are killed in the midst of it."""
    kills = [_kill(random) for _ in range(random.choice((0, 1, 2, 2)))]
    return Mishaps(
        ends,
        lost=random.choice((0.2, 0.4)),
        late=random.choice((0.0, 0.8)),
        aws=random.choice((0.0, 0.02)),
        kills=tuple(replace(kill, is_write=True, holds_up=random.random() < 0.6) for kill in kills),
        comes_soon=True,
        cold_starts=0.5,
    )


def _slices(random: Random) -> tuple[float | None, ...]:
    lengths = (None, random.uniform(0.3, 3.0), random.uniform(2.0, 60.0))
    return tuple(random.choice(lengths) for _ in range(random.choice((2, 5))))


def _kills(random: Random) -> tuple[Kill | None, ...]:
    """Return where each run is killed; seldom often enough to give a file up."""
    share = random.choice((0.0, 0.5, 0.9))
    runs = random.choice((1, 2, 2, 2, 4, 6)) if share else 0
    return tuple(_kill(random) if random.random() < share else None for _ in range(runs))


def _kill(random: Random) -> Kill:
    later = random.choice((0.0, 0.1, 0.5, 1.0, 35.0)) * random.random()
    is_write, holds_up = random.random() < 0.7, random.random() < 0.3
    return Kill(int(2 ** random.uniform(0, 3 if is_write else 6.5)), later, is_write, holds_up)


def _outages(random: Random, ids: Sequence[int], ends: float) -> tuple[Outage, ...]:
    found: list[Outage] = []
    for _ in range(random.choice((0, 1, 1, 2, 3, 6))):
        begins = random.choice((0.0, random.uniform(0.0, 5.0), random.uniform(0.0, ends)))
        length = random.choice((0.5, 5.0, 60.0, 600.0, 2 * HOUR)) * random.random()
        found.append(_outage(random, ids, begins, min(begins + length, ends)))
    return tuple(found)


def _outage(random: Random, ids: Sequence[int], begins: float, ends: float) -> Outage:
    service = random.choice(("connectwise",) * 8 + ("s3", "dynamodb", "secret", "sqs", "sns"))
    form, share = random.choice(OUTAGES), random.choice((1.0, 1.0, 0.5))
    about = random.choice(("all", "all", "invoice", "kind"))
    if service != "connectwise":
        return Outage(begins, ends, service, share=share)
    if about == "all":
        form = random.choice((*OUTAGES, Form.THROTTLED, Form.UNAUTHORIZED))
        return Outage(begins, ends, service, form, share)
    if about == "invoice":
        # Not for as long as a record may be stuck until it fails for that.
        ends = min(ends, begins + random.choice((5.0, 60.0, 600.0)))
        return Outage(begins, ends, service, form, share, invoice_id=random.choice(ids))
    kinds = random.choice(("create", "update", "payments", "invoices", "create update")).split()
    return Outage(begins, ends, service, form, share, frozenset(kinds))
