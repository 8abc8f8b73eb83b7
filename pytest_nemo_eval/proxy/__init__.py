"""The chain of interceptors as an OpenAI-compatible server on loopback: ``python -m pytest_nemo_eval.proxy``."""
