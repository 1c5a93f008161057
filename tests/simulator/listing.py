"""What lists have in common: conditions, fields, pages and the Link header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from simulator.answers import FieldError, error, invalid_field
from simulator.conditions import Condition, Dialect, parse
from simulator.settings import Settings

DEFAULT_PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Listing:
    """The query of one call."""

    query: Mapping[str, str]
    condition: Condition | None
    fields: tuple[str, ...]
    page: int
    page_size: int


def read_listing(query: str, resource: str, settings: Settings) -> Listing:
    """Read a call's query; raise `Refusal` where it cannot be served.

    `pageSize` is 25 if not given; one above what is allowed is cut in silence (ConnectWise's page
    on pagination). `orderBy` is passed over: lists are in order of id.
    """
    values = {name: entries[-1] for name, entries in parse_qs(query).items()}
    return Listing(
        query=values,
        condition=_condition(values.get("conditions", ""), resource, settings),
        fields=_names(values.get("fields", "") if settings.honours_fields else ""),
        page=_whole_number(values, "page", 1),
        page_size=min(_whole_number(values, "pageSize", DEFAULT_PAGE_SIZE), settings.max_page_size),
    )


def page_of(ids: Sequence[int], listing: Listing) -> Sequence[int]:
    """Return the ids on the page; past the end there are none."""
    start = (listing.page - 1) * listing.page_size
    return ids[start : start + listing.page_size]


def link_header(url: str, listing: Listing, found: int) -> dict[str, str]:
    """Return the Link header (RFC 5988) with the next and the last page, if there is a next."""
    last = max(1, -(-found // listing.page_size))
    if listing.page >= last:
        return {}
    pages = (("next", listing.page + 1), ("last", last))
    links = (f'<{_page_url(url, listing, page)}>; rel="{relation}"' for relation, page in pages)
    return {"Link": ", ".join(links)}


def _page_url(url: str, listing: Listing, page: int) -> str:
    return f"{url}?{urlencode({**listing.query, 'page': page, 'pageSize': listing.page_size})}"


_NAMES = {"invoice": ("id", "invoiceNumber"), "unposted": ("invoice/id",)}


def _condition(text: str, resource: str, settings: Settings) -> Condition | None:
    if not text.strip():
        return None
    known = [name for name in _NAMES.get(resource, ()) if name not in settings.refused_conditions]
    try:
        return parse(text, Dialect(tuple(known), settings.wildcards, settings.sets))
    except ValueError as bad:
        # The code is known from working clients, the entry in `errors` is inferred.
        entry = FieldError("ApiFindCondition", str(bad), resource, "conditions")
        raise error(400, "ApiFindCondition", str(bad), [entry]) from bad


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole_number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid_field("query", name, f"{name} must be a whole number")
    return int(text) or default
