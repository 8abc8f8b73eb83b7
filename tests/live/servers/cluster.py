"""A Ray with an application of the user's: ``python cluster.py FOLDER``, in an environment with Ray Serve.

It says its address; each line on its standard input is answered by the names of the applications that are running and
by what the user's own says.
"""

from __future__ import annotations

import sys

import ray
from ray import serve


class Greeting:
    def greet(self) -> str:
        return "hello"


def main() -> None:
    context = ray.init(
        address="local", num_cpus=4, include_dashboard=False, _temp_dir=sys.argv[1], object_store_memory=100_000_000
    )
    serve.start(proxy_location="Disabled")
    handle = serve.run(serve.deployment(Greeting).bind(), name="users", route_prefix=None)
    print("address", context.address_info["gcs_address"], flush=True)
    for _ in sys.stdin:
        names = [name for name, found in serve.status().applications.items() if found.status == "RUNNING"]
        print("running", *names, handle.greet.remote().result(), flush=True)
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
