"""Somebody's Ray: ``python cluster.py FOLDER [APPLICATION]``, in an environment with Ray Serve.

It says its address. Each line on its standard input is answered by the names of the applications that are running and
by what its own says; where it has none, by the names of Serve's actors.
"""

from __future__ import annotations

import sys

import ray
import ray.util
from ray import serve


class Greeting:
    def greet(self) -> str:
        return "hello"


def actors() -> list[str]:
    found = ray.util.list_named_actors(all_namespaces=True)
    return [actor["name"] for actor in found if actor["namespace"] == "serve"]


def main() -> None:
    context = ray.init(
        address="local", num_cpus=4, include_dashboard=False, _temp_dir=sys.argv[1], object_store_memory=100_000_000
    )
    application = sys.argv[2:]
    if application:
        serve.start(proxy_location="Disabled")
        handle = serve.run(serve.deployment(Greeting).bind(), name=application[0], route_prefix=None)
    print("address", context.address_info["gcs_address"], flush=True)
    for _ in sys.stdin:
        if application:
            names = [name for name, found in serve.status().applications.items() if found.status == "RUNNING"]
            print("running", *names, handle.greet.remote().result(), flush=True)
        else:
            print("running", *actors(), flush=True)
    if application:
        serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
