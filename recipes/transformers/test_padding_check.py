"""The comparison of a padded batch with single prompts, for configs of different structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from recipes.common.machine import Machine
from recipes.transformers.padding_check import padding_difference

HERE = Machine(None, 0, 1 << 33, 1 << 33)


def test_a_model_that_also_reads_images_is_compared(tmp_path: Path) -> None:
    """The config of Gemma 3 from 4B on has the number of layers in its section text_config alone."""
    text: dict[str, Any] = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 6, "vocab_size": 400},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8},
    }
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = Gemma3Config(
        text_config=text,
        vision_config=vision | {"image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
        image_token_index=399,
        boi_token_index=398,
        eoi_token_index=397,
    )
    Gemma3ForConditionalGeneration(config).save_pretrained(str(tmp_path))
    difference = padding_difference(tmp_path, [list(range(5, 5 + n)) for n in (20, 12, 3)], HERE)
    assert difference is not None and difference < 1e-3
