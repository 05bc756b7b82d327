"""The messages between a search and a device: a JSON header and bytes, with their lengths before them.

It needs the standard library alone: it also runs on devices, by Python 3.8 and later.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Callable, NamedTuple

VERSION = 1
MAGIC = b"\x00AMC\x01\xff\n\x02"
"""The bytes that every message begins with; no login shell prints them."""
LENGTHS = struct.Struct(">IQ")
"""The lengths of header and body in bytes, which come next."""
HEADER_LIMIT = 1 << 20
"""The largest header in bytes."""
BODY_LIMIT = 1 << 30
"""The largest body in bytes."""

Read = Callable[[int], bytes]
"""A function that returns that many bytes, or fewer, and none at the end; it may raise."""


class Message(NamedTuple):
    """A request or an answer.

    Attributes:
        header: What it says, for JSON.
        body: The bytes that go with it, such as ONNX models one after the other.
    """

    header: dict[str, Any]
    body: bytes = b""


class ProtocolError(Exception):
    """The other side does not follow the protocol; the message says how."""


def encoded(message: Message) -> bytes:
    """The bytes of a message as they are sent."""
    header = json.dumps({"version": VERSION, **message.header}, allow_nan=False).encode()
    return MAGIC + LENGTHS.pack(len(header), len(message.body)) + header + message.body


def read_message(read: Read, noise: int = 0) -> Message:
    """The next message.

    Args:
        read: Reads the bytes.
        noise: The number of bytes that may come before it, such as a greeting of the login shell.

    Raises:
        ProtocolError: What comes is no message, or is too long or of another version.
        EOFError: Nothing comes, or only a part of a message.
    """
    start = _exactly(read, len(MAGIC))
    while start != MAGIC:
        if not noise:
            raise ProtocolError("expected a message, got {!r}".format(start))
        noise -= 1
        start = start[1:] + _exactly(read, 1)
    header_length, body_length = LENGTHS.unpack(_exactly(read, LENGTHS.size))
    if header_length > HEADER_LIMIT or body_length > BODY_LIMIT:
        raise ProtocolError("a message of {} + {} bytes is too long".format(header_length, body_length))
    try:
        header = json.loads(_exactly(read, header_length).decode())
    except ValueError as error:
        raise ProtocolError("a header is not JSON: {}".format(error)) from error
    body = _exactly(read, body_length)
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise ProtocolError("expected a header of version {}, got {!r}".format(VERSION, header))
    return Message(header, body)


def _exactly(read: Read, length: int) -> bytes:
    parts = []
    while length:
        part = read(min(length, 1 << 20))
        if not part:
            raise EOFError("the other side has closed the connection")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
