"""The bundled real model in fp16, the number format of a T4: no activation overflows, and the answers are those of
fp32."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recipes.common.encode import load_tokenizer, prompt_ids
from recipes.common.files import read_json
from recipes.testing import soak
from recipes.transformers.model import load_model

CACHE = Path(os.environ.get("EXP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exp")
FOLDER = CACHE / "models" / "smollm2-135m"
LARGEST = 65_504
"""The largest number of fp16. A larger one becomes infinite."""
PROMPTS = (
    "Name the diseases that the report states. Report: The liver is enlarged with several cysts; no stones. "
    "The left kidney is small, and its cortex is thin. A calcified granuloma in the right lower lobe.",
    "Write three sentences about the history of the bicycle.",
)


def watch(model: nn.Module, see: Callable[[str, Tensor], None]) -> None:
    """Call `see` with the inputs and outputs of every module."""

    def hook(name: str) -> Any:
        def seen(_module: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
            for each in (*inputs, *(outputs if isinstance(outputs, tuple) else (outputs,))):
                if isinstance(each, Tensor) and each.is_floating_point():
                    see(name, each)

        return seen

    for name, module in model.named_modules():
        module.register_forward_hook(hook(name))


@soak
def test_no_activation_of_the_bundled_model_overflows_fp16() -> None:
    assert FOLDER.is_dir(), "run exp setup smollm2-135m"
    described = read_json(FOLDER / "model.json")
    half, exact = (load_model(FOLDER, described, precision).ready(None, described) for precision in ("fp16", "fp32"))
    assert {each.dtype for each in half.parameters()} == {torch.float16}
    largest = {"": 0.0}

    def see(name: str, tensor: Tensor) -> None:
        largest[name] = max(largest.get(name, 0.0), float(tensor.float().abs().max().nan_to_num(float("inf"))))

    watch(half, see)
    tokenizer = load_tokenizer(FOLDER)
    for prompt in PROMPTS:
        ids = torch.tensor([prompt_ids(tokenizer, [{"role": "user", "content": prompt}], thinking=False)])
        with torch.no_grad():
            rounded, reference = half(ids).logits.float(), exact(ids).logits
        # The most probable tokens are the same, except where two are almost equally probable.
        assert (rounded.argmax(-1) == reference.argmax(-1)).float().mean() > 0.97
        shares = torch.nn.functional.kl_div(
            rounded.log_softmax(-1), reference.log_softmax(-1), log_target=True, reduction="sum"
        )
        assert float(shares) / ids.shape[1] < 1e-3
    name = max(largest, key=lambda each: largest[each])
    print(f"largest activation: {largest[name]:.0f} at {name}")
    assert 0 < largest[name] < LARGEST / 2, (name, largest[name])
