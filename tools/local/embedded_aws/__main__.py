"""Start the embedded AWS: ministack, corrected where it differs from AWS.

The interpreter of ministack's environment runs this in a process of its own. EMBEDDED_AWS_PLUGINS names further modules
to install (make chaos's faults, the tests' judge of deployers), separated by spaces; each has a function `install`.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version

#: The corrections replace ministack's internals, which differ in other versions.
_MINISTACK = "1.5.33"


def main() -> None:
    """Install the corrections and the plugins, and serve until the process is killed."""
    found = version("ministack")
    if found != _MINISTACK:
        sys.exit(f"tools/local/embedded_aws corrects ministack {_MINISTACK}, but {found} is installed: adapt it")
    import_module("tools.local.embedded_aws.corrections")
    for plugin in os.environ.get("EMBEDDED_AWS_PLUGINS", "").split():
        import_module(plugin).install()
    sys.argv = ["ministack"]
    import_module("ministack.app").main()


if __name__ == "__main__":
    main()
