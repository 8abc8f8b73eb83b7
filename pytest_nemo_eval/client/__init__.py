"""The asynchronous client of an Endpoint: interceptors around one HTTP send."""

from .budget import SharedBudget
from .client import Client
from .limiter import Limiter
from .pool import Pool
from .retry import RetryBudget, RetryPolicy

__all__ = ["Client", "Limiter", "Pool", "RetryBudget", "RetryPolicy", "SharedBudget"]
