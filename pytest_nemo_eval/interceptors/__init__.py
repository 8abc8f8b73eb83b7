"""Middleware around the one place where a request is sent: ``async (request, call_next) -> response``."""

from .base import BuiltIn, CallNext, Config, Interceptor, Plain
from .chain import chain

__all__ = ["BuiltIn", "CallNext", "Config", "Interceptor", "Plain", "chain"]
