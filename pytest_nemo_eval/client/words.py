"""What is said of a request that failed; never the endpoint's key."""

from __future__ import annotations

import re

from ..endpoint import Endpoint


def without_key(endpoint: Endpoint, content: bytes) -> bytes:
    """What a server sent, without the endpoint's keys."""
    for secret in endpoint.secrets:
        content = secret.redact_content(content)
    return content


def redact(endpoint: Endpoint, text: str) -> str:
    """Words without the endpoint's keys."""
    for secret in endpoint.secrets:
        text = secret.redact(text)
    return text


def in_words(endpoint: Endpoint, error: Exception) -> str:
    """A library's error without the key, and without the credentials of a proxy's URL."""
    return re.sub(r"://[^/\s]*@", "://", redact(endpoint, f"{type(error).__name__}: {error}"))


def template_advice(words: str) -> str:
    """What to do where the server's words are about a chat template."""
    if "chat template" not in words.casefold():
        return ""
    return (
        " (the model has no chat template: ask for completions, with a URL that ends in /v1/completions or "
        "target.api_endpoint.type: completions, or give the server a template)"
    )


def access_advice(status: int, endpoint: Endpoint) -> str:
    """What to do about HTTP 401, 403 or 404."""
    if status == 404:
        return f" (is {endpoint.model_id!r} the model's id there? --model-id sets it)" if endpoint.model_id else ""
    if endpoint.api_key is None:
        return " (no key was sent: name the variable that holds it with --api-key-env)"
    return " (is the key valid for this model?)"
