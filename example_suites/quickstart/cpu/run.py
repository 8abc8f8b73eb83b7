"""The main job on a machine without a GPU: sets up what is needed, then deploys a model and runs the quickstart suite.

``python run.py [PYTEST_ARGUMENT ...]``, in an environment that holds pytest-nemo-eval. It ends with where the report is
and with pytest's exit code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import setup_cpu

SUITE = Path(__file__).resolve().parents[1]
REPORT = Path("report.html")
SERVER = {
    "HF_HUB_OFFLINE": "1",  # the model is a folder: nothing is to be looked for on a hub
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",  # vLLM keeps one core back: on a machine with two of them, half of it
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; vLLM would take a large part of the machine's memory
}


def command(python: Path, model: Path, further: list[str]) -> list[str]:
    """The pytest command line."""
    return [
        *(sys.executable, "-m", "pytest", f"--model-path={model}", "--backend=vllm", str(SUITE)),
        *("-o", f"eval_python={python}", "--max-model-len=2048", "--server-arg=enforce-eager"),
        *(f"--html={REPORT}", "--self-contained-html", *further),
    ]


def main(further: list[str]) -> int:
    """The command line; returns the exit code."""
    home = setup_cpu.default_home()
    code = setup_cpu.main(["--home", str(home)])
    if code:
        return code
    words = command(home / "venv" / "bin" / "python", home / setup_cpu.MODEL, further)
    setup_cpu.say(" ".join(words))
    code = subprocess.run(words, env={**SERVER, **os.environ}, check=False).returncode
    setup_cpu.say(f"the report is {REPORT.resolve()}" if REPORT.is_file() else "there is no report")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
