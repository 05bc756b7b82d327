import io
import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amc.latency import protocol
from amc.latency.protocol import Frame, ProtocolError, packed, read_frame

many = settings(max_examples=60, derandomize=True, deadline=None)


@many
@given(st.dictionaries(st.text(), st.integers() | st.text()), st.binary(), st.binary(max_size=20))
def test_a_frame_arrives_as_it_was_sent(header: dict[str, object], body: bytes, before: bytes) -> None:
    assume((before + protocol.MAGIC).index(protocol.MAGIC) == len(before))
    header = {key: value for key, value in header.items() if key != "version"}
    stream = io.BytesIO(before + packed(Frame(header, body)) + packed(Frame({"next": 1})))
    first = read_frame(stream.read, noise=len(before))
    assert (first.header, first.body) == (header | {"version": protocol.VERSION}, body)
    assert read_frame(stream.read).header["next"] == 1
    with pytest.raises(EOFError):
        read_frame(stream.read)


def test_noise_is_read_over_only_so_far() -> None:
    content = b"Welcome!\n" + packed(Frame({}))
    with pytest.raises(ProtocolError, match="expected a frame, got b'Welcome!'"):
        read_frame(io.BytesIO(content).read)
    with pytest.raises(ProtocolError, match="expected a frame"):
        read_frame(io.BytesIO(b"x" * 100 + content).read, noise=50)


@many
@given(st.integers(0, 40))
def test_a_part_of_a_frame_is_none(length: int) -> None:
    content = packed(Frame({"a": 1}, b"body"))
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(content[: min(length, len(content) - 1)]).read)


def framed(header: bytes, body_length: int = 0) -> bytes:
    return protocol.MAGIC + protocol.LENGTHS.pack(len(header), body_length) + header


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (framed(b"{}", protocol.BODY_LIMIT + 1), "too long"),
        (framed(b"{"), "not JSON"),
        (framed(b"\xff"), "not JSON"),
        (framed(b"[]"), "expected a header of version 1"),
        (framed(json.dumps({"version": 2}).encode()), "expected a header of version 1, got {'version': 2}"),
    ],
)
def test_what_is_no_frame_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read_frame(io.BytesIO(content).read)
