"""Start the embedded AWS: ministack, corrected where it differs from AWS.

The interpreter of ministack's environment runs this in a process of its own. EMBEDDED_AWS_PLUGINS names further modules
to install (make chaos's faults, the tests' judge of deployers), separated by spaces; each has a function `install`.
"""

import importlib
import os
import sys
from importlib.metadata import version

#: The corrections replace ministack's internals, which differ in other versions.
_MINISTACK = "1.5.33"

_CORRECTIONS = ("permissions", "signatures", "corrections", "streams")


def main() -> None:
    """Install the corrections and the plugins, and serve until the process is killed."""
    found = version("ministack")
    if found != _MINISTACK:
        sys.exit(f"tools/local/embedded_aws corrects ministack {_MINISTACK}, but {found} is installed: adapt it")
    modules = [f"tools.local.embedded_aws.{name}" for name in _CORRECTIONS]
    for module in modules + os.environ.get("EMBEDDED_AWS_PLUGINS", "").split():
        importlib.import_module(module).install()
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
