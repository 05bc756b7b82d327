"""Whether bytes are an ONNX model that stands alone, told from the wire format of protocol buffers.

It needs the standard library alone: it also runs on devices, which have no `onnx` package, by Python 3.8 and later.
Numbers of fields are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from typing import Iterator

NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""The messages in which a tensor may be: for each, the fields that hold another one of them."""
GRAPH = 7
"""The field of a model that holds its graph."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""The fields of a tensor that say where its data is."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types of protocol buffers."""
DEEPEST = 30
"""The largest depth to which messages may be nested."""


def refusal(content: bytes) -> str:
    """The reason why a model `content` is not run; empty where it may be run."""
    try:
        if not any(number == GRAPH for number, _ in _fields(memoryview(content))):
            return "it is no ONNX model"
        if _leaves_the_file("model", memoryview(content), DEEPEST):
            return "it has weights in other files"
    except ValueError as error:
        return "it is no ONNX model: {}".format(error)
    return ""


def _leaves_the_file(kind: str, message: memoryview, depth: int) -> bool:
    """Whether a tensor in the message has its data in another file."""
    if not depth:
        raise ValueError("nested too deeply")
    for number, value in _fields(message):
        if kind == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)):
            return True
        inner = NESTED[kind].get(number)
        if inner is not None:
            if not isinstance(value, memoryview):
                raise ValueError("field {} of a {} is no message".format(number, kind))
            if _leaves_the_file(inner, value, depth - 1):
                return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The number and the value of each field, in order."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == BYTES:
            length, place = _varint(message, place)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise ValueError("unknown wire type {}".format(wire))
        if place + length > len(message):
            raise ValueError("it ends in the middle")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at `place`, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends in the middle")
        byte = message[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number is too long")
