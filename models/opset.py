"""What must be known of an ONNX file before it is loaded, read without the onnx package.

The run time does not tell which operator set a graph was written for, nor that weights lie in a second file that no
digest covers; the package that does is needed for building graphs only. The three protobuf rules used here: a field starts with a varint ``number << 3 | kind``;
kind 0 is a varint, 1 is eight bytes, 5 is four bytes, 2 is a varint length and that many bytes.

References
----------
onnx.proto: ModelProto.graph is field 7, opset_import field 8; OperatorSetIdProto.domain is field 1, version field 2;
GraphProto.initializer is field 5; TensorProto.data_location is field 14 with EXTERNAL = 1.
"""

from collections.abc import Iterator

from triage.errors import ConfigError

GRAPH = 7
OPSET_IMPORT = 8
INITIALIZER = 5
DATA_LOCATION, EXTERNAL = 14, 1
DOMAIN = 1
VERSION = 2
DEFAULT_DOMAINS = (b"", b"ai.onnx")

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
_WIDTH = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while raw[at] & 0x80:
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | raw[at] << shift, at + 1


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of one protobuf message; fixed-width values as bytes."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        if key & 7 == VARINT:
            value, at = _varint(raw, at)
            yield key >> 3, value
            continue
        width = _WIDTH.get(key & 7)
        if key & 7 == LENGTH:
            width, at = _varint(raw, at)
        if width is None or at + width > len(raw):
            raise ConfigError("not an ONNX file, or cut short")
        yield key >> 3, raw[at : at + width]
        at += width


def opset_of(graph: bytes) -> int:
    """Version of the default operator set that a serialised ONNX model imports.

    Raises
    ------
    ConfigError
        The bytes are no ONNX model.
    """
    try:
        imports = [dict(_fields(value)) for key, value in _fields(graph) if key == OPSET_IMPORT]  # type: ignore[arg-type]
    except (IndexError, TypeError) as exc:
        raise ConfigError("not an ONNX file, or cut short") from exc
    for one in imports:
        version = one.get(VERSION)
        if one.get(DOMAIN, b"") in DEFAULT_DOMAINS and isinstance(version, int):
            return version
    raise ConfigError("not an ONNX file: it imports no operator set")


def has_external_weights(graph: bytes) -> bool:
    """Whether a serialised ONNX model keeps weights in another file.

    Raises
    ------
    ConfigError
        The bytes are no ONNX model.
    """
    try:
        return any(
            (DATA_LOCATION, EXTERNAL) in _fields(tensor)  # type: ignore[arg-type]
            for number, body in _fields(graph)
            if number == GRAPH
            for field, tensor in _fields(body)  # type: ignore[arg-type]
            if field == INITIALIZER
        )
    except (IndexError, TypeError) as exc:
        raise ConfigError("not an ONNX file, or cut short") from exc
