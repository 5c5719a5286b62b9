"""Frozen dataclasses as plain JSON values and back, and the frames of the worker's socket.

A frame is four bytes of length (big endian) and that many bytes of JSON, one message each.
Pure: whoever reads the socket owns it (`hostlink`, `hostworker`).
"""

from __future__ import annotations

import dataclasses
import json
import struct
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

HEADER = struct.Struct(">I")
FRAME_MAX = 64 * 1024 * 1024

T = TypeVar("T")


def frame(message: dict[str, Any]) -> bytes:
    """One message, ready to send; records in it may stay as they are.

    Raises: ValueError beyond FRAME_MAX.
    """
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False, default=_fields).encode()
    if len(body) > FRAME_MAX:
        raise ValueError("message too large for a frame")
    return HEADER.pack(len(body)) + body


def to_plain(value: Any) -> Any:
    """A record, or a value inside one, as JSON can carry it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(item) for name, item in _fields(value).items()}
    return value


def from_plain(kind: type[T], plain: dict[str, Any]) -> T:
    """Rebuild a record of this kind. Raises TypeError or ValueError when it does not fit."""
    readers = _readers(kind)
    try:
        return kind(**{name: _read(readers[name], item) for name, item in plain.items()})
    except KeyError as error:
        raise TypeError(f"{kind.__name__} has no field {error}") from error


def _fields(value: Any) -> dict[str, Any]:
    """A record's fields by name; what json asks for when it meets one."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} cannot travel")
    return {name: getattr(value, name) for name in _names(type(value))}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


Reader = Callable[[Any], Any] | None
"""Turns one plain value into a field's; None where it stays as it is."""


_known_readers: dict[type, dict[str, Reader]] = {}


def _readers(kind: type) -> dict[str, Reader]:
    """Of each field. Type hints are slow to resolve, so once per class."""
    known = _known_readers.get(kind)
    if known is None:
        known = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
        _known_readers[kind] = known
    return known


def _read(reader: Reader, plain: Any) -> Any:
    return plain if reader is None or plain is None else reader(plain)


def _reader(hint: Any) -> Reader:
    origin = get_origin(hint)
    if origin is types.UnionType:
        return _reader(next(arm for arm in get_args(hint) if arm is not types.NoneType))
    if origin is tuple:
        item = _reader(get_args(hint)[0])
        return tuple if item is None else lambda plain: tuple(item(entry) for entry in plain)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return lambda plain: from_plain(hint, plain)
    return None
