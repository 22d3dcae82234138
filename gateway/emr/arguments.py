"""The grammar of ``stroke-gateway emr``, apart from what does it, so that other commands do not load that."""

from argparse import ArgumentParser
from collections.abc import Callable


def declare(command: ArgumentParser, add_site: Callable[[ArgumentParser], None]) -> None:
    """Add the verbs; `add_site` adds what all commands of a site share."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "every destination: kind, whether it is there, how much waits for it"
    add_site(verbs.add_parser("list", help=text, description=text))
    text = "send nothing more to a destination; its queue is kept"
    pause = verbs.add_parser("pause", help=text, description=text)
    text = "let a destination's queue go on"
    resume = verbs.add_parser("resume", help=text, description=text)
    text = "write what a destination would be sent, without sending it"
    preview = verbs.add_parser("preview", help=text, description=text)
    for verb in (pause, resume, preview):
        add_site(verb)
        verb.add_argument("destination", metavar="DESTINATION", help="its name in the configuration")
    chosen = preview.add_mutually_exclusive_group()
    chosen.add_argument("--case", metavar="ID", help="a case's present result")
    chosen.add_argument("--sample", action="store_true", help="a made-up result of nobody (default)")
    text = "with --case: name the person and the order; only on a terminal"
    preview.add_argument("--with-patient", action="store_true", help=text)
