"""What is said of a remote URI."""

from __future__ import annotations

import pytest

from jobs_jupyter.service.remote.fetching import hidden, shown

URI = "https://me:pass%40word@host/x.zip?sig=abc%2Fdef%3D%3D&more=%7Ea#part"


def test_a_uri_without_what_may_be_secret() -> None:
    assert shown(URI) == "https://host/x.zip?…"
    assert shown("s3://bucket/a b.zip") == "s3://bucket/a b.zip"
    assert shown("abfss://container@account/x.zip") == "abfss://container@account/x.zip"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"nothing at {URI}", "nothing at https://…@host/x.zip?…"),
        # as the library spells it, and where it was led to
        ("403, url='https://host/x.zip?sig=abc/def%3D%3D&more=~a'", "403, url='https://host/x.zip?…'"),
        ("403, url='https://store/y?X-Amz-Signature=12ab' (no)", "403, url='https://store/y?…' (no)"),
        ("is it there? Check it", "is it there? Check it"),
    ],
)
def test_an_error_without_what_may_be_secret(said: str, told: str) -> None:
    assert hidden(OSError(said), URI) == told
