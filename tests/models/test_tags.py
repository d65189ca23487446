"""The rules of tags."""

from __future__ import annotations

import pytest

from jobs_jupyter.models.tags import check_key, check_tags


def test_the_limits_themselves_are_allowed() -> None:
    tags = {"k" * 128: "v" * 256, "a.b:c/d-e_F0": "", "x": "a ü 日"}
    assert check_tags(tags) == tags
    assert len(check_tags({str(n): "" for n in range(64)})) == 64


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"": "a"}, "not valid"),
        ({"k" * 129: "a"}, "129 characters"),
        ({"a b": "c"}, "not valid"),
        ({"é": "c"}, "not valid"),
        ({"a\n": "c"}, "not valid"),
        ({1: "c"}, "use a string"),
        ({"a": 1}, "use a string"),
        ({"a": "v" * 257}, "257 characters"),
        ({"a": "b\nc"}, "cannot be printed"),
        ({str(n): "" for n in range(65)}, "at most 64"),
        (["a"], "use a dict"),
    ],
)
def test_refused(tags: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_tags(tags)


def test_key() -> None:
    assert check_key("team") == "team"
