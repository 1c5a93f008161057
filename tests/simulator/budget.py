"""The request budget: who comes too often is told 429."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from simulator.answers import Answer, json_answer
from simulator.settings import Budget

_MESSAGE = "Too many requests. Please try again later."
_PAGE = "<!DOCTYPE html><html><head><title>Rate limited</title></head><body>1015</body></html>"


class Limiter:
    """Spends a budget; the clock can be exchanged."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._left = float(budget.requests)
        self._since = clock()

    def wait_seconds(self) -> float:
        """Take one request out of the budget; return 0, or how long there is none left."""
        self._refill()
        if self._left >= 1:
            self._left -= 1
            return 0.0
        if self._budget.kind == "window":
            return self._since + self._budget.seconds - self._clock()
        return (1 - self._left) * self._budget.seconds / self._budget.requests

    def _refill(self) -> None:
        budget, now = self._budget, self._clock()
        passed = now - self._since
        if budget.kind == "window":
            if passed >= budget.seconds:
                self._since = now - passed % budget.seconds
                self._left = budget.requests
            return
        self._since = now
        self._left = min(budget.requests, self._left + passed * budget.requests / budget.seconds)


def too_many(budget: Budget, wait_seconds: float) -> Answer:
    """Answer 429. The JSON body's keys differ from other errors', as ConnectWise's guide has it."""
    headers = {}
    if budget.retry_after == "seconds":
        headers["Retry-After"] = str(math.ceil(wait_seconds))
    elif budget.retry_after == "date":
        headers["Retry-After"] = _http_date(wait_seconds)
    if budget.body == "html":
        return Answer(429, _PAGE, headers, "text/html")
    return json_answer({"error": "ConnectWiseAPI", "message": _MESSAGE}, 429, headers)


def _http_date(wait_seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=wait_seconds)
    # A date has whole seconds: round up, or the caller would come back too early.
    whole = moment.replace(microsecond=0) + timedelta(seconds=1)
    return format_datetime(whole, usegmt=True)
