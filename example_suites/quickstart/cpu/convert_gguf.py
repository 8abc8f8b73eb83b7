"""A GGUF file to a Hugging Face folder that vLLM serves, in bfloat16: ``python convert_gguf.py FILE.gguf FOLDER``.

Runs in the environment that setup_cpu.py makes (torch, transformers, gguf, accelerate).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Writes weights, tokenizer and chat template; transformers has to unpack, since it cannot save packed weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if not tokenizer.chat_template:
        sys.exit(f"{gguf} holds no chat template: vLLM would refuse chat requests")
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """The command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: convert_gguf.py FILE.gguf FOLDER")
    os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported
    os.environ["TQDM_DISABLE"] = "1"
    convert(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
