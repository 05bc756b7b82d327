"""What travels between a search and a device: a JSON header and bytes, with their lengths before them.

Needs the standard library alone: it also runs on devices, by Python 3.8 and later.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Callable, NamedTuple

VERSION = 1
MAGIC = b"\x00AMC\x01\xff\n\x02"
LENGTHS = struct.Struct(">IQ")
HEADER_LIMIT = 1 << 20
BODY_LIMIT = 1 << 30
"""Bytes."""

Read = Callable[[int], bytes]
"""Reads that many bytes, fewer only at the end; raises where there is none left."""


class Message(NamedTuple):
    """A header that says what the bytes are."""

    header: dict[str, Any]
    body: bytes = b""


class ProtocolError(Exception):
    """The other side does not speak as it should."""


def encoded(message: Message) -> bytes:
    """The frame as it travels."""
    header = json.dumps({"version": VERSION, **message.header}, allow_nan=False).encode()
    return MAGIC + LENGTHS.pack(len(header), len(message.body)) + header + message.body


def read_message(read: Read, noise: int = 0) -> Message:
    """The next frame.

    Args:
        read: Where it comes from.
        noise: Bytes that may come before it, such as a greeting of the login shell.

    Raises:
        ProtocolError: it is none, is too long, or is of another version.
        EOFError: there is none, or only a part of it.
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
