"""Addresses of the AWS console."""

import pytest

from payments.console import object_page


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
    ],
)
def test_each_partition_has_a_console_of_its_own(region: str, console: str) -> None:
    address = f"https://{console}/s3/object/bucket?region={region}&prefix=a.xml"
    assert object_page(region, "bucket", "a.xml") == address


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("fail/a/b.xml", "fail%2Fa%2Fb.xml"),
        ("a+b c&region=x#y?%41.xml", "a%2Bb%20c%26region%3Dx%23y%3F%2541.xml"),
        ("\ud800", "%3F"),
    ],
)
def test_nothing_in_a_key_is_taken_for_another_part_of_the_address(key: str, encoded: str) -> None:
    assert object_page("eu-west-1", "bucket", key).endswith(f"&prefix={encoded}")
