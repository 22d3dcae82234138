"""The grammar of ``stroke-gateway people``, apart from what does it, so that other commands do not load that."""

from argparse import ArgumentParser
from collections.abc import Callable

from gateway.team.people import Role
from viewer_bridge.report.wording.language import Language


def declare(command: ArgumentParser, add_site: Callable[[ArgumentParser], None]) -> None:
    """Add the verbs; `add_site` adds what all commands of a site share."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "everybody with an account: login, roles, state, second factor"
    listing = verbs.add_parser("list", help=text, description=text)
    text = "write somebody down, and print a link with which they choose a password"
    add = verbs.add_parser("add", help=text, description=text)
    text = "close an account: sessions and links open nothing from the next request on"
    disable = verbs.add_parser("disable", help=text, description=text)
    text = "open a closed account again"
    enable = verbs.add_parser("enable", help=text, description=text)
    text = "take away password, second factor and passkeys, and print a link for a new beginning"
    reset = verbs.add_parser("reset", help=text, description=text)
    for verb in (add, disable, enable, reset):
        verb.add_argument("login", metavar="LOGIN", help="what is typed to log in")
    roles = [role.value for role in Role]
    add.add_argument("--name", required=True, metavar="NAME", help="as colleagues know them")
    add.add_argument(
        "--role", dest="roles", action="append", required=True, choices=roles, help="what they do, repeatable"
    )
    add.add_argument(
        "--language",
        choices=[language.value for language in Language],
        default=Language.VIETNAMESE.value,
        help="of alerts (default vi)",
    )
    add.add_argument("--phone", default="", metavar="NUMBER", help="for a call with one tap, as +84...")
    for verb in (listing, add, disable, enable, reset):
        add_site(verb)
