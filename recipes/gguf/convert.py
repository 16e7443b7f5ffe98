"""Conversion of a model's folder to GGUF by llama.cpp's converter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

from recipes.common.protocol import StepFailed
from recipes.gguf.quantise import PLAIN

_SPLITS = {
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|": "qwen2",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|": "llama-bpe",
}
"""Start of the regular expression that splits a text -> llama.cpp's name of the rules."""


def convert(folder: Path, target: Path, kind: str) -> None:
    """Write the model of a folder as a GGUF file with weights in 16 or 32 bit. Fails with `gguf-unsupported` for a
    model that the converter does not know."""
    with torch.inference_mode():
        try:
            config = ModelBase.load_hparams(folder, False)
            known: Any = get_model_class(get_model_architecture(config, ModelType.TEXT))
            converter = known(folder, PLAIN[kind], target)
            converter.get_vocab_base_pre = _rules(converter.get_vocab_base_pre, folder)
            converter.write()
        except (OSError, MemoryError):
            raise
        except Exception as error:  # The converter asserts what it expects of a model.
            raise StepFailed(
                "gguf-unsupported",
                f"llama.cpp's converter does not support the model: {error or type(error).__name__}",
                "docs/how-to/gguf.md lists the families that it supports.",
            ) from error


def _rules(by_digest: Callable[[Any], str], folder: Path) -> Callable[[Any], str]:
    """The converter's function that names the rules by which a text is split. It knows published tokenizers by a
    digest; a tokenizer with other tokens is recognised by its regular expression."""

    def rules(tokenizer: Any) -> str:
        try:
            return by_digest(tokenizer)
        except NotImplementedError:
            name = split_rules(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
            if name is None:
                raise
            return name

    return rules


def split_rules(tokenizer: dict[str, Any]) -> str | None:
    """llama.cpp's name of the rules of a tokenizer.json; None for unknown rules."""
    outer = tokenizer.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers", [outer])
    kinds = [one.get("type") for one in steps]
    if kinds == ["Split", "ByteLevel"] and not steps[1].get("use_regex"):
        pattern = steps[0].get("pattern", {}).get("Regex", "")
        return next((name for start, name in _SPLITS.items() if pattern.startswith(start)), None)
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return "smollm"
    return "gpt-2" if kinds == ["ByteLevel"] else None
