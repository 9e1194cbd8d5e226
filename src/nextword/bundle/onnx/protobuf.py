"""Protocol-buffer messages from an untrusted source, read field by field without copying and without a library."""

from collections.abc import Iterator

Value = int | memoryview
"""The value of a field: an integer, or a part of the file."""


def fields(data: Value, known: frozenset[int], kind: str) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message: an integer, or a part of `data`.

    Args:
        data: A memory view of the message.
        known: The numbers of the fields that are allowed.
        kind: The kind of message, for errors, such as `"a node"`.

    Raises:
        ValueError: The message is cut off, or has a field that is not in `known`.
    """
    data, place = message(data), 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire_type = tag >> 3, tag & 7
        if number not in known:
            raise ValueError(f"must hold no field {number} in {kind}, but does")
        if wire_type == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire_type not in (2, 5):
            raise ValueError(f"must be as ONNX files are written, but has a field of type {wire_type}")
        length, place = _varint(data, place) if wire_type == 2 else (4, place)
        if length > len(data) - place:
            raise ValueError("must be whole, but is cut off")
        yield number, data[place : place + length]
        place += length


def message(value: Value) -> memoryview:
    """Return the value of a field that must be a message, a name or bytes.

    Raises:
        ValueError: It is an integer.
    """
    if not isinstance(value, memoryview):
        raise ValueError("must be as ONNX files are written, but has a number in place of a message or a name")
    return value


def numbers(value: Value) -> Iterator[int]:
    """Yield the integers of a field: one, or several that are packed."""
    if isinstance(value, int):
        yield value
        return
    place = 0
    while place < len(value):
        number, place = _varint(value, place)
        yield number


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the integer that begins at `place`, seven bits a byte, and the place after it."""
    number = 0
    for shift in range(0, 64, 7):
        if place >= len(data):
            raise ValueError("must be whole, but is cut off")
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("must be as ONNX files are written, but has a number of more than 64 bits")
