"""Starts the embedded AWS. The interpreter that ministack is installed for runs this, in a process of its own."""

import json
import os
import sys
from importlib.metadata import version

from tools.local.embedded_aws import deployers, faults, logs, permissions, queues, retries, signatures, streams

#: What is replaced is no interface of ministack's: another version may have other parts.
_MINISTACK = "1.5.33"


def main() -> None:
    """Mend it and start it."""
    found = version("ministack")
    if found != _MINISTACK:
        sys.exit(
            f"The embedded AWS is mended for ministack {_MINISTACK}, and {found} is installed: see tools/embedded_aws"
        )
    plan = os.environ.get("EMBEDDED_AWS_FAULTS")
    permissions.install()
    deployers.install()
    signatures.install()
    queues.install()
    logs.install()
    retries.install()
    streams.install(faults.install(json.loads(plan)) if plan else streams.tell_nobody)

    import ministack.app  # noqa: PLC0415 -- it reads the environment when it is imported

    sys.argv = ["ministack"]
    ministack.app.main()


if __name__ == "__main__":
    main()
