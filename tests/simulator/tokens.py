"""Cutting conditions into tokens."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<date>\[[^\]]*\])
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<sign><=|>=|!=|=|<|>)
    | (?P<bracket>[(),])
    | (?P<notin>not-in\b)
    | (?P<word>[A-Za-z_]\w*(?:/\w+)*)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a condition; strings and dates come without their quotes and brackets."""

    kind: str
    text: str


def tokenize(text: str) -> list[Token]:
    """Cut conditions into tokens, with an `end` token last; raise `ValueError`."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot read the conditions from {text[at : at + 20]!r}")
        tokens.extend(_tokens(str(match.lastgroup), match[0]))
        at = match.end()
    return [*tokens, Token("end", "")]


def _tokens(kind: str, text: str) -> list[Token]:
    if kind == "space":
        return []
    if kind == "string":
        return [Token(kind, _ESCAPED.sub(r"\1", text[1:-1]))]
    if kind == "date":
        return [Token(kind, text[1:-1].strip())]
    if kind == "notin":
        return [Token("word", "not"), Token("word", "in")]
    return [Token(kind, text)]
