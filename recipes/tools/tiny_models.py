"""Tiny random models with a real tokenizer and chat template, created in a second. Tests train and generate with them,
and `exp setup` creates tiny-qwen3 from this module. Their answers are random until they are trained.

python -m recipes.tools.tiny_models DIR --family qwen3 --tied
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import write_json

Family = Literal[
    "llama", "llama3.1", "qwen2.5", "qwen3", "mistral", "phi3", "smollm3", "gemma3", "gemma3-images"
]  # fmt: skip

_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_PLAIN = ("<tool_call>", "</tool_call>", "<think>", "</think>")
_CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
_CHATML_WITH_SYSTEM = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}"
    "{%- endif %}" + _CHATML
)
_CHATML_WITH_THINKING = (
    "{%- for message in messages %}"
    "{%- if message.role == 'assistant' and loop.last %}"
    "{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- else %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- endif %}"
)
_TEMPLATES: dict[str, str] = {"qwen3": _CHATML_WITH_THINKING}
"""The chat templates of the families that differ from `_CHATML_WITH_SYSTEM`."""


def make_tiny_model(
    folder: Path,
    family: Family,
    *,
    tied: bool,
    layers: int = 2,
    head_dim: int = 32,
    vocabulary: int = 600,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a random model of a family into a folder: config.json, model.safetensors, tokenizer. `config` replaces keys
    of config.json, for a model of another size. Equal arguments give equal bytes. Norms are random too, so that tests
    find a misplaced norm. Windows of attention have eight tokens. `head_dim` applies to qwen3 and gemma3."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _train_tokenizer(vocabulary)
    size: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": tied,
        "bos_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "initializer_range": 0.2,
        **(config or {}),
    }
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    model: Any = AutoModelForCausalLM.from_config(_config(family, size, head_dim))  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                # Gemma stores the difference to 1.
                one = 0 if family.startswith("gemma") else 1
                parameter.copy_(one + 0.3 * torch.randn_like(parameter))
            elif family.startswith("gemma") and name.endswith("embed_tokens.weight"):
                # Gemma multiplies by the root of the width. With larger values each token would predict itself.
                parameter.mul_(0.4)
            elif name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
    torch.set_rng_state(state)
    model.to(dtype).save_pretrained(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "model_max_length": 4096,
                "chat_template": _TEMPLATES.get(family, _CHATML_WITH_SYSTEM),
            },
            indent=1,
        )
        + "\n"
    )
    return folder


def _config(family: Family, size: dict[str, Any], head_dim: int) -> PreTrainedConfig:
    """The config of a family, with what distinguishes it from the others."""
    layers = range(size["num_hidden_layers"])

    def rope(theta: float, kind: str = "default", **more: Any) -> dict[str, Any]:
        return {"rope_type": kind, "rope_theta": theta, **more}

    if family == "gemma3-images":
        text = _config("gemma3", size, head_dim)
        vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        vision |= {"image_size": 28, "patch_size": 14}
        tokens = {name: size[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings")}
        sections = {"text_config": text.to_dict(), "vision_config": vision, "mm_tokens_per_image": 4}
        return AutoConfig.for_model("gemma3", **sections, **tokens)
    by_family: dict[str, tuple[str, dict[str, Any]]] = {
        "llama": ("llama", {"rope_parameters": rope(100_000.0)}),
        "llama3.1": (
            "llama",
            {
                "rope_parameters": rope(
                    500_000.0,
                    "llama3",
                    **{"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
                    original_max_position_embeddings=64,
                )
            },
        ),
        "qwen2.5": ("qwen2", {"rope_parameters": rope(1e6)}),
        "qwen3": ("qwen3", {"head_dim": head_dim, "rope_parameters": rope(1e6)}),
        "mistral": ("mistral", {"sliding_window": 8, "rope_parameters": rope(1e6)}),
        "phi3": (
            "phi3",
            {
                "original_max_position_embeddings": 1024,
                "sliding_window": 8,
                "rope_parameters": rope(
                    10_000.0,
                    "longrope",
                    partial_rotary_factor=0.75,
                    short_factor=[1.0, 1.1, 1.3, 1.5, 1.8, 2.0],
                    long_factor=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
                ),
            },
        ),
        "smollm3": ("smollm3", {"no_rope_layers": [(at + 1) % 2 for at in layers], "rope_parameters": rope(2e6)}),
        "gemma3": (
            "gemma3_text",
            {
                **{"head_dim": head_dim, "query_pre_attn_scalar": 24, "sliding_window": 8},
                "layer_types": [("sliding_attention", "full_attention")[at % 2] for at in layers],
                "rope_parameters": {
                    "sliding_attention": rope(10_000.0),
                    "full_attention": rope(1e6, "linear", factor=8.0),
                },
            },
        ),
    }
    model_type, more = by_family[family]
    return AutoConfig.for_model(model_type, **size, **more)


def _train_tokenizer(vocabulary: int) -> Tokenizer:
    """A byte-level BPE with Qwen's pre-tokenisation and special tokens, trained on invented words."""
    random_words = random.Random(0)
    syllables = [c + v for c in "bcdfgklmnprst" for v in "aeiou"]
    words = ["".join(random_words.choices(syllables, k=random_words.randint(1, 4))) for _ in range(2000)]
    text = [" ".join(words[i : i + 40]) for i in range(0, len(words), 40)]
    text += ["system user assistant question answer", "You are a helpful assistant."] * 20
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in _PLAIN])
    return tokenizer


def main() -> None:
    """Command line: folder, family, size."""
    parser = argparse.ArgumentParser(description="Create a tiny random model.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=get_args(Family), default="qwen3")
    parser.add_argument("--tied", action="store_true", help="tie input and output embeddings")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--head-dim", type=int, default=32, help="qwen3 and gemma3 only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", type=json.loads, metavar="JSON", help="keys of config.json, for another size")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--bundled", metavar="NAME", help="also write model.json, for a bundled model of this name")
    args = parser.parse_args()
    folder = make_tiny_model(
        args.folder,
        args.family,
        tied=args.tied,
        layers=args.layers,
        head_dim=args.head_dim,
        seed=args.seed,
        config=args.config,
        dtype=getattr(torch, args.dtype),
    )
    if args.bundled:
        names = select_files(path.name for path in folder.iterdir())
        write_json(folder / "model.json", describe_model(args.bundled, None, folder, names, lambda _: None))
    print(folder)


if __name__ == "__main__":
    main()
