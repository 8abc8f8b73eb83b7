"""Servers of ours: programs that run in an environment which need not hold this package (``start.py NAME ...``).

They import the standard library, one another, and in functions what their environment holds: transformers, PyTriton,
Ray. An OpenAI bridge (``bridge.py``) over an ``Engine`` stands behind an HTTP front (``front.py``); Triton or Ray Serve
stand between.
"""
