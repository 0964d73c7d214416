"""Read dataclasses from plain values of YAML or JSON, and write them back.

The type hints of a dataclass are its schema. A class with ``SHORTHAND`` may also be
written as the value of that field alone; of several classes with a field ``kind``, that
field tells which is meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from napari_hqsam.errors import JobError, shown

T = TypeVar("T")


def build(cls: type[T], data: object, where: str = "") -> T:
    """Make a dataclass from a mapping.

    Parameters
    ----------
    cls : type
        A dataclass.
    data : object
        What YAML or JSON gave.
    where : str
        Path of the value in the file, for messages, such as "inputs".

    Raises
    ------
    JobError
        A key is unknown or missing, or a value is of another kind.
    """
    shorthand = getattr(cls, "SHORTHAND", None)
    if shorthand is not None and not isinstance(data, Mapping):
        data = {shorthand: data}
    if not isinstance(data, Mapping):
        raise JobError(f"{where or 'the job'} is {shown(data)}: write keys and values")
    hints = get_type_hints(cls)
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            raise JobError(_unknown(_path(where, key), str(key), list(known)))
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in data:
            raise JobError(f"{_path(where, name)} is missing: add it")
    values = {
        str(key): convert(hints[key], value, _path(where, key))
        for key, value in data.items()
    }
    return cls(**values)


def convert(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401
    """Convert a value to what a type hint demands; errors as of `build`."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _convert_union(get_args(hint), value, where)
    if origin is Literal:
        if value in get_args(hint) and not isinstance(value, bool):
            return value
        raise JobError(_unknown(where, value, list(map(str, get_args(hint)))))
    if origin is tuple:
        return _convert_tuple(get_args(hint), value, where)
    if origin is dict:
        return _convert_dict(get_args(hint)[1], value, where)
    if is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if _is_a(hint, value):
        return float(value) if hint is float else value  # type: ignore[arg-type]
    raise JobError(f"{where} is {shown(value)}: it must be {describe(hint)}")


def _convert_union(members: tuple[Any, ...], value: object, where: str) -> Any:  # noqa: ANN401
    classes = {_kind_of(each): each for each in members if is_dataclass(each)}
    if classes:
        kind = value.get("kind") if isinstance(value, Mapping) else value
        if kind not in classes:
            raise JobError(_unknown(_path(where, "kind"), kind, list(classes)))
        return build(classes[kind], {"kind": kind} if value is kind else value, where)  # type: ignore[arg-type]
    for member in members:
        try:
            return convert(member, value, where)
        except JobError:
            continue
    kinds = " or ".join(describe(each) for each in members if each is not NoneType)
    raise JobError(f"{where} is {shown(value)}: it must be {kinds}")


def _convert_tuple(members: tuple[Any, ...], value: object, where: str) -> Any:  # noqa: ANN401
    if members[-1] is ...:
        listed = value if isinstance(value, list | tuple) else [value]
        return tuple(convert(members[0], each, where) for each in listed)
    if not isinstance(value, list | tuple) or len(value) != len(members):
        raise JobError(
            f"{where} is {shown(value)}: it must be a list of {len(members)} values"
        )
    return tuple(
        convert(member, each, where)
        for member, each in zip(members, value, strict=True)
    )


def _convert_dict(member: Any, value: object, where: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        raise JobError(f"{where} is {shown(value)}: write keys and values")
    return {
        str(key): convert(member, each, _path(where, key))
        for key, each in value.items()
    }


def _is_a(hint: Any, value: object) -> bool:  # noqa: ANN401
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)


def _kind_of(cls: Any) -> str:  # noqa: ANN401 - a dataclass
    return str(next(field.default for field in fields(cls) if field.name == "kind"))


def describe(hint: Any) -> str:  # noqa: ANN401
    """Describe a type hint to a user, such as "a whole number"."""
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(map(str, get_args(hint)))
    if origin in (Union, UnionType):
        return " or ".join(describe(each) for each in get_args(hint))
    if origin is tuple:
        return f"a list of {describe(get_args(hint)[0]).removeprefix('a ')}"
    names = {str: "text", int: "a whole number", float: "a number"}
    return {**names, bool: "true or false", NoneType: "nothing"}.get(hint, "a mapping")


def to_plain(value: Any) -> Any:  # noqa: ANN401
    """Return a dataclass as a mapping of plain values, without its defaults."""
    if is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for field in fields(value):
            own = getattr(value, field.name)
            default = (
                field.default
                if field.default_factory is MISSING
                else field.default_factory()
            )
            if own != default or field.name == "kind":
                plain[field.name] = to_plain(own)
        return plain
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    return value


def _path(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _unknown(where: str, value: object, known: list[str]) -> str:
    """Say that a name is unknown, with the nearest known one."""
    near = difflib.get_close_matches(str(value), known, 1, 0.5)
    hint = f"do you mean {near[0]}?" if near else f"use {', '.join(known)}"
    if where.rsplit(".", 1)[-1] == value:
        return f"{where} is unknown: {hint}"
    return f"{where} {shown(value)} is unknown: {hint}"
