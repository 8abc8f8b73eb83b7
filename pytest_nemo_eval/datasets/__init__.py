"""Where samples come from: files, or the Hugging Face hub."""

from .hub import HubDataset
from .select import fingerprint, load_samples
from .source import DataSource, resolve

__all__ = ["DataSource", "HubDataset", "fingerprint", "load_samples", "resolve"]
