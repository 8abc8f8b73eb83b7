"""From an item to the Endpoint that answers it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ..backends import Backend
from ..client import Client
from ..client.client import list_models
from ..config.options import REPLAY, EvalSettings, Serving, resolve_serving
from ..config.settings import ExecutionSettings
from ..deployment import DeploymentSpec
from ..endpoint import REPLAY_SCHEME, Endpoint, find_headers, find_key
from ..errors import ConfigError, EndpointError
from ..interceptors import Interceptor, check_order, name_of
from ..runs import ModelRecord
from ..runs.provenance import files_stamp, has_chat_template, weights_fingerprint
from ..server import ServerAddress
from .state import EvalSession, Served
from .turns import SUITE, group_of


def borrower(
    session: EvalSession,
    choose_backend: Callable[[str], Backend],
    place: Callable[[Serving], ExecutionSettings],
) -> Callable[[Serving], ServerAddress]:
    """What ``eval_deployment`` is: asks the session's lender for the server of a Serving."""

    def borrow(serving: Serving) -> ServerAddress:
        _check_model_folder(serving)
        execution = place(serving)
        spec = DeploymentSpec(
            command=choose_backend(serving.backend).command(serving.deployment),
            launcher=execution.backend,
            execution=execution,
            timeout=serving.deployment.timeout or session.settings.deploy_timeout,
            restarts=session.settings.deploy_restarts,
            exclusive=serving.deployment.exclusive,
            group=group_of(serving),
            identity=_identity(serving),
        )
        address = session.lender.acquire(spec)
        session.served[address.base_url] = Served(serving, address, spec)
        return address

    return borrow


def _identity(serving: Serving) -> str:
    revision = str(serving.deployment.server_args.get("revision", "main"))
    return _stamp(serving.deployment.model_path or "", revision, serving.deployment.environment)


def _check_model_folder(serving: Serving) -> None:
    """A path with a typo is found before a server spends a minute on it."""
    model = serving.deployment.model_path or ""
    looks_like_path = model.startswith(("/", "./", "../", "~"))
    if serving.launcher == "local" and looks_like_path and not Path(model).expanduser().exists():
        raise ConfigError(f"the model {model} does not exist: check --model-path")


def endpoint_of(
    node: pytest.Item,
    settings: EvalSettings,
    deploy: Callable[[Serving], ServerAddress],
    session: EvalSession,
) -> Endpoint:
    """The Endpoint of an item: a hosted one, or that of a deployment.

    Raises:
        EvalError: no model, no key, no server.
    """
    serving = resolve_serving(settings, node.stash.get(SUITE, None))
    if serving.backend == REPLAY:
        session.served.setdefault(serving.url or "", Served(serving))
        model_id = serving.model_id or session.replay(serving.url or "").model_id
        return Endpoint(serving.url or "", model_id, serving.protocol)
    if serving.backend != "hosted":
        address = deploy(serving)
        return Endpoint(address.base_url, address.model_id, serving.protocol)
    url = serving.url or ""
    key, headers = find_key(url, serving.key_variable), find_headers(serving.headers)
    endpoint = Endpoint(url, serving.model_id or "", serving.protocol, key, headers)
    session.served.setdefault(url, Served(serving))
    if serving.model_id:
        return endpoint
    return replace(endpoint, model_id=_only_model(endpoint, session))


def _only_model(endpoint: Endpoint, session: EvalSession) -> str:
    models = session.pool.start(lambda: list_models(endpoint, session.pool)).result()
    if len(models) != 1:
        raise EndpointError(
            f"{endpoint.base_url}/models lists {len(models)} models; say which with --model-id: "
            + ", ".join(models[:20])
        )
    return models[0]


def client_of(endpoint: Endpoint, interceptors: Sequence[Interceptor], session: EvalSession) -> Client:
    """The client of an Endpoint; of a replayed one it asks nobody.

    Raises:
        ConfigError: an interceptor stands in the wrong place, in a fixture of the user's own too.
    """
    check_order([name_of(interceptor) for interceptor in interceptors], interceptors)
    client = Client(endpoint, interceptors, session.pool)
    if endpoint.base_url.startswith(REPLAY_SCHEME):
        return client.behind(session.replay(endpoint.base_url))
    return client


def model_record(endpoint: Endpoint, session: EvalSession) -> ModelRecord:
    """What is known of the model, for a Run."""
    record = ModelRecord(id=endpoint.model_id, url=endpoint.base_url, protocol=endpoint.protocol.value)
    served = session.served.get(endpoint.base_url)
    if served is None or served.address is None:
        return msgspec.structs.replace(record, backend=served.serving.backend if served else "")
    path = served.serving.deployment.model_path or ""
    given = {name.replace("_", "-") for name in served.serving.deployment.server_args}
    revision = str(served.serving.deployment.server_args.get("revision", "main"))
    return msgspec.structs.replace(
        record,
        path=path,
        weights_fingerprint=weights_fingerprint(path, revision),
        stamp=_identity(served.serving),
        chat_template=True if "chat-template" in given else has_chat_template(path, revision),
        backend=served.serving.backend,
        launcher=served.serving.launcher,
        server_version=served.address.version,
        server_command=served.address.argv,
    )


def _stamp(path: str, revision: str, environment: Mapping[str, str]) -> str:
    content = msgspec.json.encode((files_stamp(path, revision), environment), order="sorted")
    return hashlib.sha256(content).hexdigest()


def diagnose(endpoint: Endpoint, session: EvalSession) -> str | None:
    """What became of the server behind an Endpoint; None where it is not ours, or lives."""
    served = session.served.get(endpoint.base_url)
    return session.lender.diagnose(served.spec) if served and served.spec else None
