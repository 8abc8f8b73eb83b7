"""Middleware around the one place where a request is sent: ``async (request, call_next) -> response``."""

from .base import BuiltIn, CallNext, Config, Interceptor, Plain
from .chain import chain, name_of
from .table import check_order, create_interceptor, create_interceptors, parse_interceptor

__all__ = [
    "BuiltIn",
    "CallNext",
    "Config",
    "Interceptor",
    "Plain",
    "chain",
    "check_order",
    "create_interceptor",
    "create_interceptors",
    "name_of",
    "parse_interceptor",
]
