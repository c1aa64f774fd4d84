"""As much of the ONNX file format as the sentence encoder needs: read tensors, write a graph.

ONNX files are protocol buffers (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3, field
numbers below). The package `onnx` would do this at 17 MB of memory in every serving process;
reading by hand also leaves the tensors where they are, in the mapped file.
"""

# ruff: noqa: PLR2004  (the numbers of fields are the format)
from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

_VARINT, _BYTES, _FLOAT = 0, 2, 5
_SIZES = {1: 8, _FLOAT: 4}
_KINDS: dict[int, npt.DTypeLike] = {
    1: np.float32,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
}
_NUMBERS = {np.dtype(kind): number for number, kind in _KINDS.items()}
Array = npt.NDArray[Any]


def read_tensors(data: memoryview) -> dict[str, Array]:
    """Every stored tensor of a model by its name, without copying.

    Args:
        data: the whole file.

    Raises:
        ValueError: when it is no ONNX model with tensors in it.
    """
    tensors = {}
    try:
        for model_field, graph in _fields(data):
            if model_field != 7:  # ModelProto.graph
                continue
            for graph_field, tensor in _fields(graph):
                if graph_field == 5:  # GraphProto.initializer
                    name, array = _tensor(tensor)
                    tensors[name] = array
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"not an ONNX model: {error!r}") from error
    if not tensors:
        raise ValueError("not an ONNX model, or one without weights")
    return tensors


def _tensor(data: Any) -> tuple[str, Array]:
    shape: list[int] = []
    kind, name, raw = 1, "", memoryview(b"")
    for number, value in _fields(data):
        if number == 1:  # dims, packed or one by one
            shape += [value] if isinstance(value, int) else list(_varints(value))
        elif number == 2:  # data_type
            kind = value
        elif number == 8:  # name
            name = str(value, "utf-8")
        elif number == 9:  # raw_data
            raw = value
    return name, np.frombuffer(raw, dtype=_KINDS[kind]).reshape(shape)


def _fields(data: Any) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield key >> 3, value
        elif wire == _BYTES:
            size, place = _varint(data, place)
            yield key >> 3, data[place : place + size]
            place += size
        else:
            place += _SIZES[wire]


def _varint(data: Any, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _varints(data: Any) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = _varint(data, place)
        yield value


@dataclass
class GraphWriter:
    """Collects the steps and weights of a graph and writes it as an ONNX model.

    Attributes:
        nodes: encoded steps, in order.
        tensors: encoded name, type and shape of each weight, and its values, which are
            copied once only, into the finished file.
    """

    nodes: list[bytes] = field(default_factory=list)
    tensors: list[tuple[bytes, memoryview]] = field(default_factory=list)

    def weight(self, name: str, array: Array) -> str:
        """Add a constant tensor; returns its name."""
        body = b"".join(_number(1, size) for size in array.shape)
        body += _number(2, _NUMBERS[array.dtype]) + _text(8, name)
        values = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        self.tensors.append((body + _head(9, len(values)), values))
        return name

    def step(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, int | float] | None = None,
        domain: str = "com.microsoft",
    ) -> str:
        """Add an operation; an input that is not given is an empty name.

        Returns:
            Its first output.
        """
        body = b"".join(_text(1, name) for name in inputs)
        body += b"".join(_text(2, name) for name in outputs) + _text(4, operator)
        for name, value in (attributes or {}).items():
            kind = _number(3, value) + _number(20, 2) if isinstance(value, int) else (
                _key(2, _FLOAT) + struct.pack("<f", value) + _number(20, 1))  # fmt: skip
            body += _bytes(5, _text(1, name) + kind)
        self.nodes.append(body + _text(7, domain))
        return outputs[0]

    def model(
        self,
        inputs: Mapping[str, tuple[npt.DTypeLike, Sequence[int | str]]],
        outputs: Mapping[str, tuple[npt.DTypeLike, Sequence[int | str]]],
    ) -> bytes:
        """The model's file: inputs and outputs with their type and shape (a name is any size)."""
        graph: list[bytes | memoryview] = [*(_bytes(1, node) for node in self.nodes)]
        graph.append(_text(2, "encoder"))
        for head, values in self.tensors:
            graph += [_head(5, len(head) + len(values)), head, values]
        graph += [_bytes(11, _value(name, *kind)) for name, kind in inputs.items()]
        graph += [_bytes(12, _value(name, *kind)) for name, kind in outputs.items()]
        versions = _bytes(8, _number(2, 18)) + _bytes(8, _text(1, "com.microsoft") + _number(2, 1))
        return b"".join([_number(1, 9), _head(7, sum(map(len, graph))), *graph, versions])


def _value(name: str, kind: npt.DTypeLike, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _bytes(1, _number(1, size) if isinstance(size, int) else _text(2, size)) for size in shape
    )
    tensor = _number(1, _NUMBERS[np.dtype(kind)]) + _bytes(2, sizes)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _key(number: int, wire: int) -> bytes:
    return _encode(number << 3 | wire)


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _encode(value)


def _head(number: int, size: int) -> bytes:
    return _key(number, _BYTES) + _encode(size)


def _bytes(number: int, value: bytes) -> bytes:
    return _head(number, len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())
