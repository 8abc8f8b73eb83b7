"""The error tree: one class for each thing that can break.

    EvalError                      everything that is not a verdict; pytest reports it as ERROR
    ├── ConfigError                what the user asked for cannot be done as written
    ├── DatasetError               samples are missing, unreadable or of the wrong shape
    ├── DeploymentError            a server could not be started, or died
    ├── EndpointError              the endpoint did not answer, or not usefully
    │   ├── RejectedRequestError   it refused this request (400, 413, 422): an error of one sample
    │   │   └── SpentError         an interceptor did: the conversation has had all its turns
    │   └── AccessError            it refuses every request (401, 403; 404 from the first on): ends the benchmark
    ├── ScorerError                a scorer could not rule
    ├── InterceptorError           an interceptor raised, or gave back no Response: an error of one sample
    ├── StorageError               what was measured cannot be written
    ├── EvaluationError            a benchmark could not be finished: too many errored samples
    └── BrokenSetupError           a benchmark was finished, and its replies show that the set-up is broken
    GateFailure (AssertionError)   a gate was missed; pytest reports it as FAILED
    └── GateInconclusive           too little evidence either way

Each message says what was tried, what happened, and what to do next.
Errors of libraries are mapped to these once, where the library is called.
"""

from __future__ import annotations


class EvalError(Exception):
    """Something broke that says nothing about the model."""

    def with_words(self, words: str) -> EvalError:
        """An error of the same class with another message, whatever its constructor takes."""
        error = type(self).__new__(type(self))
        Exception.__init__(error, words)
        error.__dict__.update(vars(self))
        return error


class ConfigError(EvalError):
    """A setting is wrong, contradictory, or not available."""


class DatasetError(EvalError):
    """Samples are missing, unreadable or of the wrong shape."""


class DeploymentError(EvalError):
    """A server could not be started or died; the message holds its log's telling lines."""


class EndpointError(EvalError):
    """The endpoint did not answer, or its answer could not be read.

    Attributes:
        status: the HTTP status that it last answered with; None where there was none, or HTTP was not to blame.
    """

    status: int | None = None


class RejectedRequestError(EndpointError):
    """The endpoint refused one request (HTTP 400, 413, 422, ...; 404 once others were answered)."""


class SpentError(RejectedRequestError):
    """A conversation has had all the requests that it may have."""


class AccessError(EndpointError):
    """The endpoint refuses every request (HTTP 401, 403; 404 from the first on)."""


class ScorerError(EvalError):
    """A scorer could not rule on a sample."""


class InterceptorError(EvalError):
    """An interceptor raised, or gave back something else than a Response; the message names it."""


class StorageError(EvalError):
    """What was measured cannot be written: a full disk, a folder that is read-only or another's."""


class EvaluationError(EvalError):
    """A benchmark could not be finished; every finished sample is in the Run."""


class BrokenSetupError(EvalError):
    """The replies show that the set-up is broken: whatever the score, it says nothing of the model."""


class GateFailure(AssertionError):  # noqa: N818  # a failure, as pytest means it, and no error
    """A gate was missed."""


class GateInconclusive(GateFailure):
    """There is too little evidence to call a gate passed or missed."""
