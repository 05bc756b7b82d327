import io
import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amc.latency import protocol
from amc.latency.protocol import Message, ProtocolError, encoded, read_message

many = settings(max_examples=60, derandomize=True, deadline=None)


@many
@given(st.dictionaries(st.text(), st.integers() | st.text()), st.binary(), st.binary(max_size=20))
def test_a_message_arrives_as_it_was_sent(header: dict[str, object], body: bytes, before: bytes) -> None:
    assume((before + protocol.MAGIC).index(protocol.MAGIC) == len(before))
    header = {key: value for key, value in header.items() if key != "version"}
    stream = io.BytesIO(before + encoded(Message(header, body)) + encoded(Message({"next": 1})))
    first = read_message(stream.read, noise=len(before))
    assert (first.header, first.body) == (header | {"version": protocol.VERSION}, body)
    assert read_message(stream.read).header["next"] == 1
    with pytest.raises(EOFError):
        read_message(stream.read)


def test_noise_is_read_over_only_so_far() -> None:
    content = b"Welcome!\n" + encoded(Message({}))
    with pytest.raises(ProtocolError, match="expected a message, got b'Welcome!'"):
        read_message(io.BytesIO(content).read)
    with pytest.raises(ProtocolError, match="expected a message"):
        read_message(io.BytesIO(b"x" * 100 + content).read, noise=50)


@many
@given(st.integers(0, 40))
def test_a_part_of_a_message_is_none(length: int) -> None:
    content = encoded(Message({"a": 1}, b"body"))
    with pytest.raises(EOFError):
        read_message(io.BytesIO(content[: min(length, len(content) - 1)]).read)


def message_of(header: bytes, body_length: int = 0) -> bytes:
    return protocol.MAGIC + protocol.LENGTHS.pack(len(header), body_length) + header


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (message_of(b"{}", protocol.BODY_LIMIT + 1), "too long"),
        (message_of(b"{"), "not JSON"),
        (message_of(b"\xff"), "not JSON"),
        (message_of(b"[]"), "expected a header of version 1"),
        (message_of(json.dumps({"version": 2}).encode()), "expected a header of version 1, got {'version': 2}"),
    ],
)
def test_what_is_no_message_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read_message(io.BytesIO(content).read)
