"""Who may do what: by called title, calling title and address."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from dicom_scp.negotiation import APPLICATION_CONTEXT, AssociationRequest, Permission
from triage.errors import ConfigError

LONGEST_AE_TITLE = 16
"""PS3.5 table 6.2-1."""

Rejection = tuple[int, int, int]
"""Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

APPLICATION_CONTEXT_NOT_SUPPORTED: Rejection = (1, 1, 2)
CALLING_TITLE_NOT_RECOGNISED: Rejection = (1, 1, 3)
CALLED_TITLE_NOT_RECOGNISED: Rejection = (1, 1, 7)
PROTOCOL_VERSION_NOT_SUPPORTED: Rejection = (1, 2, 2)
TEMPORARY_CONGESTION: Rejection = (2, 3, 1)
LOCAL_LIMIT_EXCEEDED: Rejection = (2, 3, 2)


def require_ae_title(title: str) -> None:
    """Check an AE title of ours.

    Raises
    ------
    ConfigError
        It is empty, too long or unprintable.
    """
    if not (title.isascii() and title.isprintable() and 0 < len(title.strip()) <= LONGEST_AE_TITLE):
        raise ConfigError(f"AE title {title!r} must have 1 to {LONGEST_AE_TITLE} printable characters")


@dataclass(frozen=True, slots=True)
class PeerRule:
    """One peer that is let in.

    Attributes
    ----------
    addresses
        Addresses or networks (``"10.1.2.0/24"``) it may come from; empty allows any.
    may
        What it may do beyond verification.

    Raises
    ------
    ConfigError
        A title or an address is impossible.
    """

    ae_title: str
    addresses: tuple[str, ...] = ()
    may: frozenset[Permission] = frozenset({Permission.STORE})

    def __post_init__(self) -> None:
        require_ae_title(self.ae_title)
        _networks(self.addresses)

    def fits(self, calling_ae: str, address: str) -> bool:
        """Whether this rule speaks of a peer."""
        if calling_ae != self.ae_title.strip():
            return False
        here = ip_address(address.split("%", maxsplit=1)[0])
        mapped = getattr(here, "ipv4_mapped", None) or here
        return not self.addresses or any(mapped in network for network in _networks(self.addresses))


def _networks(addresses: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(address, strict=False) for address in addresses]
    except ValueError as exc:
        raise ConfigError(f"dicom.peers: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole of it; without rules and titles everybody may do everything on offer."""

    called_ae: str
    calling_ae_titles: tuple[str, ...] = ()
    rules: tuple[PeerRule, ...] = ()

    def rejection(self, request: AssociationRequest, address: str) -> Rejection | None:
        """Why an association is not accepted, or None (PS3.8 section 9.3.4)."""
        if not request.protocol_version & 1:
            return PROTOCOL_VERSION_NOT_SUPPORTED
        if request.application_context != APPLICATION_CONTEXT:
            return APPLICATION_CONTEXT_NOT_SUPPORTED
        if request.called_ae != self.called_ae.strip():
            return CALLED_TITLE_NOT_RECOGNISED
        titles = {title.strip() for title in self.calling_ae_titles}
        unlisted = titles and request.calling_ae not in titles
        unruled = self.rules and not self._rules_for(request.calling_ae, address)
        return CALLING_TITLE_NOT_RECOGNISED if unlisted or unruled else None

    def permissions(self, calling_ae: str, address: str) -> frozenset[Permission]:
        """What a peer that was let in may do."""
        if not self.rules:
            return frozenset(Permission)
        return frozenset[Permission]().union(*(rule.may for rule in self._rules_for(calling_ae, address)))

    def _rules_for(self, calling_ae: str, address: str) -> list[PeerRule]:
        return [rule for rule in self.rules if rule.fits(calling_ae, address)]
