"""The text decoder of a model. A model that also reads images has one as a part: config.json describes it in
`text_config`, and its weights have a prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from recipes.common.protocol import StepFailed

NESTED = "model.language_model."
"""Prefix of the decoder's modules in a model that has other parts."""

_RENAMED = (
    (re.compile(r"language_model\.model\."), NESTED),
    (re.compile(r"language_model\.lm_head\."), "lm_head."),
    (re.compile(r"(?=(vision_tower|multi_modal_projector)\.)"), "model."),
)
"""Prefixes of stored weights that transformers changes when it loads a model with several parts."""


def read_text_config(config: Mapping[str, Any]) -> PreTrainedConfig:
    """The text decoder's config of a config.json, with the defaults of its family, which many files leave out. Fails
    with `unsupported-model` if transformers cannot read it."""
    try:
        known = AutoConfig.for_model(config["model_type"], **{k: v for k, v in config.items() if k != "model_type"})
        text = known.get_text_config(decoder=True)
        text.tie_word_embeddings = known.tie_word_embeddings
    except Exception as error:  # transformers raises errors of many kinds, and one of its own for each check.
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise StepFailed(
            "unsupported-model",
            f"transformers cannot read the model's config.json: {reason}",
            "Use a model that transformers supports without code of the model.",
        ) from error
    return text


def module_name(stored: str, *, is_alone: bool = False) -> str:
    """The name of a stored weight in the model that transformers builds from its folder. `is_alone`: it builds the
    text decoder without the other parts, as for Qwen3.5."""
    for pattern, prefix in _RENAMED:
        if pattern.match(stored):
            stored = pattern.sub(prefix, stored, count=1)
            break
    return stored.replace(NESTED, "model.", 1) if is_alone and stored.startswith(NESTED) else stored


def is_other_part(name: str) -> bool:
    """Whether a weight, by the name of `module_name`, belongs to a part that reads images."""
    return name.startswith(("model.vision_tower.", "model.multi_modal_projector."))
