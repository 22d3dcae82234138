"""How far calls came on each channel, and how long that took: counted by kind of channel, never by person."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from gateway.alerts.notice import QUIET, NoticeKind
from gateway.ledger.call import TIME_OF, Call, CallState
from gateway.team.contacts import ChannelKind

CHANNELS: Mapping[ChannelKind, str] = {
    ChannelKind.PUSH: "phone",
    ChannelKind.EMAIL: "e-mail",
    ChannelKind.APPRISE: "messengers",
    ChannelKind.ZALO: "Zalo",
    ChannelKind.MQTT: "MQTT",
    ChannelKind.WEBHOOK: "webhooks",
}

FATES: Mapping[str, str] = {
    "answered": "Answered",
    "opened": "Opened, not answered",
    "delivered": "On the device, not opened",
    "sent": "Accepted by the channel, no more known",
    "failed": "Failed",
    "under_way": "Under way",
}
"""How far a call came, each in exactly one."""

REACHED: Mapping[CallState, str] = {
    CallState.ACKNOWLEDGED: "answered",
    CallState.OPENED: "opened",
    CallState.DELIVERED: "delivered",
    CallState.SENT: "sent",
    CallState.FAILED: "failed",
}
"""States that tell how far a call came, the furthest first."""

STEPS: Mapping[CallState, tuple[str, str]] = {
    CallState.DELIVERED: ("delivered", "on the device"),
    CallState.OPENED: ("opened", "opened"),
    CallState.ACKNOWLEDGED: ("answered", "answered"),
}
"""What is timed of the first call of a channel that came so far."""


def fate_of(call: Call) -> str:
    """How far a call came."""
    return next((fate for state, fate in REACHED.items() if call.times.get(TIME_OF[state])), "under_way")


def fates(kind: ChannelKind, calls: Sequence[Call]) -> Counter[str]:
    """How far the calls of a channel came."""
    return Counter(fate_of(call) for call in calls if call.kind is kind)


def moment_name(kind: ChannelKind, state: CallState) -> str:
    """Name of the time at which the first call of a channel came so far.

    >>> moment_name(ChannelKind.PUSH, CallState.OPENED)
    'push_opened_at'
    """
    return f"{kind.value}_{STEPS[state][0]}_at"


def rings(call: Call) -> bool:
    """Whether a call is an alert of a patient, and no quiet word afterwards."""
    quiet = {kind.value for kind in (*QUIET, NoticeKind.TROUBLE)}
    return call.case_id is not None and call.notice not in quiet


def firsts(calls: Sequence[Call]) -> Mapping[int, Mapping[str, str]]:
    """When the first call of each channel came how far, by the revision that rang."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for call in filter(rings, calls):
        mine = found[call.revision or 1]
        for state in STEPS:
            name, at = moment_name(call.kind, state), call.times.get(TIME_OF[state])
            if at:
                mine[name] = min(at, mine.get(name, at))
    return found


def level_of(calls: Sequence[Call]) -> int:
    """The last level that was called, from 1; 0 where nobody was."""
    return max((call.step + 1 for call in calls if rings(call)), default=0)
