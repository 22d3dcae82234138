"""The grammar of ``stroke-gateway statistics``, apart from what does it, so that other commands do not load that."""

from argparse import ArgumentParser
from collections.abc import Callable


def declare(command: ArgumentParser, add_site: Callable[[ArgumentParser], None]) -> None:
    """Add the verbs; `add_site` adds what all commands of a site share."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "figures of a month, for the health department"
    month = verbs.add_parser("month", help=text, description=text)
    month.add_argument("month", metavar="YYYY-MM", help="by the site's clock, see site.time_zone")
    chosen = month.add_mutually_exclusive_group()
    for form, text in (("csv", "as CSV (default)"), ("fhir", "as FHIR R4: Measure and MeasureReport")):
        chosen.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=text)
    text = "leave out counts from 1 to N - 1, and what gives them away (default: statistics.suppress_below)"
    month.add_argument("--suppress-below", type=int, metavar="N", help=text)
    text = "a row a case, for a stroke registry, as CSV; nobody is named"
    registry = verbs.add_parser("registry", help=text, description=text)
    registry.add_argument("--from", dest="first", required=True, metavar="DAY", help="first day, YYYY-MM-DD")
    registry.add_argument("--to", dest="last", required=True, metavar="DAY", help="last day, included")
    text = "add order and accession numbers, which lead to a person: not for outside the hospital"
    registry.add_argument("--with-orders", action="store_true", help=text)
    text = "what the columns of the registry mean, as a table of Markdown"
    columns = verbs.add_parser("columns", help=text, description=text)
    for verb in (month, registry, columns):
        add_site(verb)
    for verb in (month, registry):
        text = "CSV: begin with a byte order mark, for spreadsheets that want one"
        verb.add_argument("--bom", action="store_true", help=text)
