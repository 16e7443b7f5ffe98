"""The keys of the locked axolotl's configuration: `python -m recipes.axolotl.keys` writes keys.json.

axolotl ignores unknown keys. Therefore every key that the recipe writes and every overridden key is looked up in this
list: by the runner before a run, and by the recipe before training. It holds the keys of `axolotl config-schema`; keys
of nested sections are dotted, and `name.*` is a section that accepts any key.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("keys.json")


def read_keys() -> list[str]:
    """The committed list."""
    keys: list[str] = json.loads(FILE.read_text())
    return keys


def unknown_keys(config: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Dotted keys of a configuration that are not in the list. Keys within lists are not checked: only the recipe
    writes those."""
    known = set(keys)
    return [key for key in dotted_keys(config) if not is_known(key, known)]


def is_known(key: str, known: set[str]) -> bool:
    """Whether a dotted key is in the list, or in a section that accepts any key."""
    parts = key.split(".")
    return key in known or any(".".join([*parts[:at], "*"]) in known for at in range(1, len(parts)))


def dotted_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """{"fsdp_config": {"version": 2}, "seed": 1} -> fsdp_config.version, seed"""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from dotted_keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def installed_keys() -> list[str]:
    """The keys of the axolotl in this environment, from the pydantic models of its schema."""
    from axolotl.utils.schemas.config import AxolotlInputConfig

    return sorted(set(_keys_of(AxolotlInputConfig, "")))


def _keys_of(model: Any, prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        names = {name, *(alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str))}
        nested = list(_models_of(field.annotation))
        for key in names:
            yield prefix + key
            if _accepts_any_key(field.annotation):
                yield f"{prefix}{key}.*"
            for inner in nested:
                yield from _keys_of(inner, f"{prefix}{key}.")


def _models_of(annotation: Any) -> Iterator[Any]:
    """Pydantic models that a value can be, without those of list items."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    elif typing.get_origin(annotation) not in (list, tuple, set):
        for part in typing.get_args(annotation):
            yield from _models_of(part)


def _accepts_any_key(annotation: Any) -> bool:
    """Whether a value can be a dictionary."""
    if annotation is dict or typing.get_origin(annotation) is dict:
        return True
    if typing.get_origin(annotation) in (list, tuple, set):
        return False
    return any(_accepts_any_key(part) for part in typing.get_args(annotation))


if __name__ == "__main__":
    FILE.write_text(json.dumps(installed_keys(), indent=1) + "\n")
