"""Rows of long benchmarks are kept under the name of all that they follow from."""

from pathlib import Path

from tests.bench._kept_rows import KeptRows


def test_rows_are_given_as_they_were_kept_and_measured_again_where_that_is_asked(tmp_path: Path) -> None:
    kept = KeptRows("some", tmp_path)
    assert kept.row("a") is None
    one = kept.keep("a", {"score": 0.5})
    kept.keep("b", {"score": 0.7})
    assert one["score"] == 0.5 and one["measured"] and KeptRows("some", tmp_path).row("a") == one
    again = KeptRows("some", tmp_path, anew=True)
    assert again.row("a") is None
    again.keep("a", {"score": 0.6})
    assert [(kept.row(name) or {})["score"] for name in ("a", "b")] == [0.6, 0.7]
