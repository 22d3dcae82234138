"""One table of a manifest, read strictly: every key known, every value of its kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from triage.errors import ConfigError

Table = Mapping[str, Any]
Kinds = Mapping[str, type | tuple[type, ...]]

NUMBER = (int, float)
NONE: Kinds = MappingProxyType({})


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Raise `ConfigError` with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(f"model manifest: {message}")


def exactly(table: Table, needed: Kinds, thing: str, optional: Kinds = NONE) -> None:
    """Check that `table` has the `needed` keys, no others but `optional` ones, and values of their kinds.

    Raises
    ------
    ConfigError
        The message names `thing` and the key.

    Examples
    --------
    >>> exactly({"name": "x"}, {"name": str}, "an input")
    """
    require(isinstance(table, Mapping), f"{thing} is not a table")
    kinds = {**needed, **optional}
    missing, unknown = sorted(set(needed) - set(table)), sorted(set(table) - set(kinds))
    require(not missing, f"{thing} lacks {', '.join(missing)}")
    require(not unknown, f"{thing} has unknown keys {', '.join(unknown)}")
    for key, value in table.items():
        fits = isinstance(value, kinds[key]) and (kinds[key] is bool or not isinstance(value, bool))
        require(fits, f"{thing}: {key} must be {_said(kinds[key])}, not {value!r}")


def texts(values: list[Any], thing: str) -> tuple[str, ...]:
    """Read a list of texts, none of them empty."""
    require(all(isinstance(value, str) and value for value in values), f"{thing} must be a list of texts")
    return tuple(values)


def numbers(values: list[Any], thing: str, count: int) -> tuple[float, ...]:
    """Read a list of `count` numbers."""
    fits = len(values) == count and all(isinstance(v, NUMBER) and not isinstance(v, bool) for v in values)
    require(fits, f"{thing} must be {count} numbers, not {values!r}")
    return tuple(float(value) for value in values)


def _said(kind: type | tuple[type, ...]) -> str:
    words = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        dict: "a table",
    }
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return words.get(kinds[-1], kinds[-1].__name__)
