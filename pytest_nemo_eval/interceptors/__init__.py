"""Middleware around the one place where a request is sent: ``async (request, call_next) -> response``."""

from .base import BuiltIn, CallNext, Config, Interceptor, Plain
from .chain import chain, identify_all, name_of
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
    "identify_all",
    "name_of",
    "parse_interceptor",
]
