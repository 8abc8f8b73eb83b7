"""``python -m pytest_nemo_eval.deployment``: lists what ``--keep-deployment`` left up, and ends it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from .kept import KeptRecord, all_kept, forget


def main(arguments: Sequence[str]) -> int:
    """List or end kept deployments; 1 where one was not found, or did not end."""
    parser = argparse.ArgumentParser(prog="python -m pytest_nemo_eval.deployment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the kept deployments of this machine")
    ending = commands.add_parser("end", help="end kept deployments")
    ending.add_argument("key", nargs="*", help="the first letters of a key that `list` shows")
    ending.add_argument("--all", action="store_true", help="end all of them")
    told = parser.parse_args(arguments)
    kept = list(all_kept())
    if told.command == "list":
        for record in kept:
            _say(_line(record))
        if not kept:
            _say("no deployment is kept")
        return 0
    if not (told.key or told.all):
        parser.error("end: which? Give keys that `list` shows, or --all")
    return _end(kept if told.all else [r for r in kept if any(map(r.key.startswith, told.key))], told.key, told.all)


def _end(records: Sequence[KeptRecord], keys: Sequence[str], everything: bool) -> int:
    missing = [] if everything else [key for key in keys if not any(r.key.startswith(key) for r in records)]
    for key in missing:
        _say(f"no kept deployment has a key that begins with {key}")
    failed = 0
    for record in records:
        ended = record.server.end()
        failed += not ended
        _say(f"{'ended' if ended else 'did not end'}: {_line(record)}")
        if ended:
            forget(record.key)
    return 1 if missing or failed else 0


def _line(record: KeptRecord) -> str:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.since))
    return f"{record.key}  {record.address.model_id}  {record.address.base_url}  since {since}  pid {record.guard}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
