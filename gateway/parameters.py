"""Every parameter of the configuration with its default and what stands below it in the source, for documents."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from gateway.config import Config

REQUIRED = "required"


def parameters(sections: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of every parameter in these tables of the file."""
    for section in sections:
        yield from _of(Config.model_fields[section].annotation, section)


def _of(model: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Parameters of a table and of those within it."""
    said = docstrings(model)
    for name, item in model.model_fields.items():
        default = REQUIRED if item.is_required() else _written(item.get_default(call_default_factory=True))
        yield f"`{path}.{name}`", default, said.get(name, "")
        if inner := _table_within(item.annotation):
            yield from _of(inner, f"{path}.{name}")


def _table_within(annotation: Any) -> type[BaseModel] | None:
    """The table that a field holds, or holds a list of."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_table_within, getattr(annotation, "__args__", ()))), None)


def _written(value: object) -> str:
    """A default as a reader sees it.

    >>> _written(("a", "b")), _written(None), _written(False)
    ('`a, b`', 'none', '`False`')
    """
    if value is None or value in ((), ""):
        return "none"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def docstrings(model: type) -> dict[str, str]:
    """What stands below each field of a class."""
    (body,) = (node for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split()).replace("``", "`")
    return found
