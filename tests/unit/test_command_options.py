"""The options that say which stack, and how, may stand anywhere."""

import pytest

from payments.command.app import options_first


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("import f.xml --stack s", "--stack s import f.xml"),
        ("--stack s import f.xml", "--stack s import f.xml"),
        ("truth show --region=r x --profile p", "--region=r --profile p truth show x"),
        ("truth show -- --stack", "truth show -- --stack"),
        ("import f.xml --key k", "import f.xml --key k"),
        ("status --stack", "--stack status"),
        ("status --debug k.xml", "--debug status k.xml"),
    ],
)
def test_they_are_moved_to_the_front(given: str, understood: str) -> None:
    assert options_first(given.split()) == understood.split()
