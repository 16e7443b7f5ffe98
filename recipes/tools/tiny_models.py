"""Tiny random models with a real tokenizer and chat template, created in a second. Tests train and generate with them,
and `exp setup` creates tiny-qwen3 from this module. Their answers are random until they are trained.

python -m recipes.tools.tiny_models DIR --family qwen3 --tied
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import write_json

Family = Literal["llama", "qwen2.5", "qwen3"]

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
_TEMPLATES: dict[Family, str] = {
    "llama": _CHATML_WITH_SYSTEM,
    "qwen2.5": _CHATML_WITH_SYSTEM,
    "qwen3": _CHATML_WITH_THINKING,
}


def make_tiny_model(
    folder: Path,
    family: Family,
    *,
    tied: bool,
    layers: int = 2,
    head_dim: int = 32,
    vocabulary: int = 600,
    seed: int = 0,
) -> Path:
    """Write a random model of a family into a folder: config.json, model.safetensors (fp32), tokenizer. Equal
    arguments give equal bytes. Norms are random too, so that tests find a misplaced norm."""
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
    }
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    model: torch.nn.Module
    if family == "llama":
        model = LlamaForCausalLM(LlamaConfig(**size, rope_parameters={"rope_type": "default", "rope_theta": 100_000.0}))
    elif family == "qwen2.5":
        model = Qwen2ForCausalLM(Qwen2Config(**size, rope_parameters={"rope_type": "default", "rope_theta": 1e6}))
    else:
        rope = {"rope_type": "default", "rope_theta": 1e6}
        model = Qwen3ForCausalLM(Qwen3Config(**size, head_dim=head_dim, rope_parameters=rope))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
    torch.set_rng_state(state)
    model.save_pretrained(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "model_max_length": 4096,
                "chat_template": _TEMPLATES[family],
            },
            indent=1,
        )
        + "\n"
    )
    return folder


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
    parser.add_argument("--head-dim", type=int, default=32, help="qwen3 only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bundled", metavar="NAME", help="also write model.json, for a bundled model of this name")
    args = parser.parse_args()
    folder = make_tiny_model(
        args.folder, args.family, tied=args.tied, layers=args.layers, head_dim=args.head_dim, seed=args.seed
    )
    if args.bundled:
        names = select_files(path.name for path in folder.iterdir())
        write_json(folder / "model.json", describe_model(args.bundled, None, folder, names, lambda _: None))
    print(folder)


if __name__ == "__main__":
    main()
