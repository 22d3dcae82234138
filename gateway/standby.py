"""``python -m gateway.standby worker ...``: a process that has loaded everything and waits to take another one's place.

Loading takes some three seconds of one core. An alert whose minute falls into them would be late by as much.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from gateway import cli


def main(argv: Sequence[str]) -> int:
    """Load the service of the command line, wait for a line on standard input, and be that service.

    Without a line, because nobody is left who could send one, it ends.
    """
    import_module(cli.SERVICES[argv[0]][0])
    return cli.main(argv) if sys.stdin.buffer.readline() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
