"""Messages: what goes in comes out, and everything else is refused by one named error."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.jobs import Job, SamplesJob
from engine.protocol import (
    TERMINAL,
    Cancel,
    Command,
    Event,
    Finished,
    Metric,
    Note,
    Progress,
    Submit,
    decode_command,
    decode_event,
    encode,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
whole = st.integers(-(2**63), 2**63 - 1)
plain = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
# Plain types are drawn from their annotations; only what hypothesis cannot guess is spelt out.
SPECIAL = {Finished: st.builds(Finished, result=st.dictionaries(words, plain, max_size=4))}
KNOWN = {str: words, int: whole, float: st.floats(allow_nan=False), bool: st.booleans()}


def of(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    if kind in SPECIAL:
        return SPECIAL[kind]
    if kind is Submit:
        count = st.integers(1, 100_000)
        return st.builds(Submit, job=st.builds(SamplesJob, run=words, category=words, count=count, seed=whole))
    return st.builds(kind, **{field.name: KNOWN[field.type] for field in msgspec.structs.fields(kind)})


@settings(max_examples=200, deadline=None)
@given(st.one_of([of(kind) for kind in get_args(Event)]))
def test_events_come_out_as_they_went_in(event: Event) -> None:
    assert decode_event(encode(event)) == event


@settings(max_examples=200, deadline=None)
@given(st.one_of([of(kind) for kind in get_args(Command)]))
def test_commands_come_out_as_they_went_in(command: Command) -> None:
    assert decode_command(encode(command)) == command
    with pytest.raises(msgspec.DecodeError):
        decode_event(encode(command))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda tail: b"\x82\xa4type" + tail))
def test_bytes_that_are_no_message_raise_one_kind_of_error(data: bytes) -> None:
    for decode in (decode_event, decode_command):
        with pytest.raises(msgspec.DecodeError):
            decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xa4type\xa2\xff\xff",  # text that is none
        b"\x91" * 100_000,  # deep
        msgspec.msgpack.encode({"type": "resume", "version": 2}),  # a field of a later version
        msgspec.msgpack.encode({"type": "dance"}),
        msgspec.msgpack.encode({"type": "submit", "job": {"type": "samples", "category": "x", "count": 0}}),  # a bound
        msgspec.msgpack.encode({"type": "submit", "job": {"type": "dance"}}),
        encode(Cancel()) + b"\x00",
        encode(Cancel())[:-1],
    ],
)
def test_messages_of_other_versions_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_command(data)


def test_messages_cannot_be_changed_and_have_distinct_tags() -> None:
    kinds = [*get_args(Event), *get_args(Command)]
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)
    for kind in (*kinds, *get_args(Job)):
        assert kind.__struct_config__.frozen and kind.__struct_config__.forbid_unknown_fields, kind
    assert set(TERMINAL) < set(get_args(Event))


def test_events_in_a_file_are_lines_of_json(tmp_path: Path) -> None:
    events: list[Event] = [
        Progress(stage="a\nb", done=1, total=2),
        Metric(name="loss", step=3, value=0.5),
        Note(text="x"),
    ]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    assert [msgspec.json.decode(line, type=Event) for line in path.read_bytes().splitlines()] == events
