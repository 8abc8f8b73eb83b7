"""Middleware around the one place where a request is sent: ``async (request, call_next) -> response``."""

from .chain import CallNext, Interceptor, chain

__all__ = ["CallNext", "Interceptor", "chain"]
