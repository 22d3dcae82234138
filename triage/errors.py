"""Everything that can go wrong, by what to do about it.

::

    GatewayError
    ├── InputError       the data is not what it must be: retrying will not help
    ├── AnalysisError    the computation refused: the case says why, a person looks at the images
    ├── TemporaryError   a peer or a resource is away: retry later
    └── ConfigError      the site's configuration is wrong: stop at start and name the key

Whether to retry follows from the class alone. Foreign errors are translated once, at the edge, with
``raise ... from exc``. A message names the thing and the next step, and never a person.
"""


class GatewayError(Exception):
    """Root of the tree; never raised itself."""


class InputError(GatewayError):
    """The data is not what it must be; retrying will not help."""


class AnalysisError(GatewayError):
    """The computation refused the scan; the message is the reason shown to the team."""


class TemporaryError(GatewayError):
    """A peer or a resource is away; the same call may succeed later."""


class ConfigError(GatewayError):
    """The configuration is wrong; the message names the key."""


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Raise `InputError` with `message` unless `condition` holds."""
    if not condition:
        raise InputError(message)
