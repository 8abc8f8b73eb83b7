"""The asynchronous client of an Endpoint: interceptors around one HTTP send."""

from .client import Client
from .pool import Pool
from .retry import RetryPolicy

__all__ = ["Client", "Pool", "RetryPolicy"]
