"""Checks of the files that an engine is about to load. Damaged weights would give wrong answers without an error."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from recipes.common.models.folder import decoder_section, has_weights
from recipes.common.protocol import StepFailed

_SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "vocab_size")


def verify_base(folder: Path, files: dict[str, dict[str, Any]], cores: int) -> None:
    """Fail with `model-changed` unless every file of model.json is unchanged since the fetch."""

    def is_same(name: str) -> bool:
        path = folder / name
        if not path.is_file() or path.stat().st_size != files[name]["size"]:
            return False
        with path.open("rb") as file:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() == files[name]["sha256"])

    with ThreadPoolExecutor(cores) as pool:
        for name, same in zip(files, pool.map(is_same, files), strict=True):
            if not same:
                raise StepFailed(
                    "model-changed",
                    f"{name} has changed since the model was fetched",
                    "Remove a damaged file, then run again with --force fetch.",
                )


def verify_trained(weights: Path, base: dict[str, Any]) -> None:
    """Fail unless a whole trained model is complete and has the shape of its base. `base` is the base's config.json."""
    if not has_weights(weights):
        raise StepFailed("model-incomplete", "the trained model lacks its config or weights", "Train again.")
    trained, wanted = decoder_section(json.loads((weights / "config.json").read_text())), decoder_section(base)
    for key in _SHAPE:
        if trained.get(key) != wanted.get(key):
            raise StepFailed(
                "weights-base",
                f"the trained model has {key} {trained.get(key)}, but its base has {wanted.get(key)}",
                "Use a model that was trained from this base.",
            )
