"""How fast, and how surely, people are called: a whole gateway, fifty people, four kinds of channels, a worker that is killed.

``python -m benchmarks.calling`` prints what was found beside its bound. The gateway runs under its supervisor; results are
put where an analysis leaves them, because the clock starts with the result. The channels are real on our side and play their
part in another process (`benchmarks.calling_peers`); everything is on loopback.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.calling_site import PEOPLE, WAYS, Site, a_site, wait_for
from benchmarks.running import free_port
from gateway.ledger.records import moment_of
from gateway.team.contacts import ChannelKind
from gateway.team.people import Role

ALERT_S = 0.3
FALL_OVER_S = 10.0
ESCALATION_S = 1.0
PER_CENT = 100

MINUTES = 0.15
"""Of the levels whose escalation is timed: nine seconds."""

FIFTY = {"name": "on duty", "role": "stroke_doctor", "who": "everybody", "minutes": 60}


def fifty(site: Site) -> list[str]:
    """Fifty people, each with one channel; returns their names."""
    names = []
    for kind, number in PEOPLE.items():
        for place in range(number):
            names.append(f"{WAYS[kind]}{place}")
            site.enter(names[-1], Role.STROKE_DOCTOR, site.way(kind, names[-1]))
    return names


def hand_over(alerts: int) -> list[tuple[str, float, float]]:
    """Seconds from the row of the result to the last, and to each, of fifty first channels."""
    last, each = [], []
    with a_site([FIFTY]) as site:
        names = fifty(site)
        for number in range(alerts + 1):
            case_id = site.result()
            begun = site.analysed_at(case_id)
            wait_for(lambda: len({one["who"] for one in site.heard(begun, *WAYS.values())}) == len(names), 20)  # noqa: B023
            waits = [one["at"] - begun for one in site.heard(begun, *WAYS.values())]
            site.take(case_id)
            site.quiet()
            if number:  # the first alert of a process opens every connection; it is told apart
                last.append(max(waits))
                each += waits
            else:
                first = max(waits)
    return [
        ("result to the last of 50 first channels, p95 s", percentile(last, 95), ALERT_S),
        ("result to each of 50 first channels, p95 s", percentile(each, 95), ALERT_S),
        ("the same, the last channel of a fresh worker's first alert, s", first, ALERT_S),
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, -(-len(ranked) * percent // PER_CENT) - 1)]


def fall_over() -> list[tuple[str, float, float]]:
    """Seconds from the first call to the arrival by the next channel, for three ways to be dead."""
    found = []
    with a_site([FIFTY]) as site:
        base = f"http://127.0.0.1:{site.peers.http}"
        dead = {
            "a port where nobody listens": (ChannelKind.WEBHOOK, f"http://127.0.0.1:{free_port()}/x"),
            "a server that never answers": (ChannelKind.WEBHOOK, f"{base}/silent/x"),
            "a push that no phone confirms": site.way(ChannelKind.PUSH, "p"),
        }
        for number, way in enumerate(dead.values()):
            site.enter(
                f"fall{number}", Role.STROKE_DOCTOR, way, site.way(ChannelKind.WEBHOOK, f"fall{number}")
            )
        case_id = site.result()
        site.analysed_at(case_id)
        wait_for(lambda: len(site.heard(0, "hook")) == len(dead), 30)
        arrived = {one["who"]: one["at"] for one in site.heard(0, "hook")}
        queued = min(
            moment_of(call.times["queued_at"]).timestamp() for call in site.ledger.calls.of_case(case_id)
        )
        for number, name in enumerate(dead):
            found.append((f"fall-over from {name}, s", arrived[f"fall{number}"] - queued, FALL_OVER_S))
    return found


LADDER = (
    {"name": "first", "role": "stroke_doctor", "who": "everybody", "minutes": MINUTES},
    {"name": "second", "role": "cath_lab", "who": "everybody", "minutes": 60},
)


def escalation(alerts: int, kills: dict[str, float]) -> list[tuple[str, float, float]]:
    """How late the second level is called, without and with a worker that is killed so many seconds before its minute."""
    found = []
    with a_site(LADDER) as site:
        site.enter("first", Role.STROKE_DOCTOR, site.way(ChannelKind.WEBHOOK, "first"))
        site.enter("second", Role.CATH_LAB, site.way(ChannelKind.WEBHOOK, "second"))
        cases = []
        for _ in range(alerts):
            cases.append(site.result())
            time.sleep(0.5)
        late = [_lateness(site, case_id) for case_id in cases]
        found.append((f"escalation after its minute, worst of {alerts}, s", max(late), ESCALATION_S))
        for name, before_s in kills.items():
            late = []
            for _ in range(KILLS):
                time.sleep(SETTLED_S)
                case_id = site.result()
                due = site.announced_at(case_id) + MINUTES * 60
                time.sleep(max(0.0, due - before_s - time.time()))
                site.kill_worker()
                late.append(_lateness(site, case_id))
            found.append((f"worker killed {name}, worst of {KILLS}, s", max(late), ESCALATION_S))
            found.append(("  and the middle of them, s", statistics.median(late), ESCALATION_S))
    return found


KILLS = 3
SETTLED_S = 32.0
"""A worker that lived so long is started again at once; one that dies again and again waits."""


def _lateness(site: Site, case_id: str) -> float:
    due = site.announced_at(case_id) + MINUTES * 60

    def second() -> list[float]:
        return [
            one["at"] for one in site.heard(0, "hook") if one["case"] == case_id and one["who"] == "second"
        ]

    wait_for(second, MINUTES * 60 + 60)
    late = min(second()) - due
    assert late > -0.05, "escalated before its minute"
    site.take(case_id)
    return late


def killed_while_calling(kills: int) -> list[tuple[str, float, float]]:
    """Calls lost, and called twice without reason, when the worker dies in the middle of fifty calls."""
    lost = doubled = excused = 0
    with a_site([FIFTY]) as site:
        names = fifty(site)
        case_id = site.result()
        wait_for(lambda: len(_sent(site, case_id)) == len(names), 30)
        site.take(case_id)
        site.quiet()
        for number in range(kills):
            time.sleep(SETTLED_S)
            case_id = site.result()
            begun = site.analysed_at(case_id)
            wait_for(lambda: len(site.heard(begun, *WAYS.values())) >= number * len(names) // kills, 20)  # noqa: B023
            killed = site.kill_worker()
            noted = _sent(site, case_id)
            wait_for(lambda: len({one["who"] for one in site.heard(begun, *WAYS.values())}) == len(names), 60)  # noqa: B023
            wait_for(lambda: len(_sent(site, case_id)) == len(names), 30)  # noqa: B023
            times = Counter(one["who"] for one in site.heard(begun, *WAYS.values()))
            twice = {who for who, count in times.items() if count > 1}
            lost += len(set(names) - times.keys())
            doubled += len(twice & noted)
            excused += len(twice - noted)
            sys.stderr.write(
                f"killed {killed - begun:.3f} s after the result: {len(noted)} noted as sent, {len(twice)} made twice\n"
            )
            site.take(case_id)
            site.quiet()
    return [
        (f"calls lost over {kills} kills of 50 calls", float(lost), 0.0),
        ("calls made twice that had been noted as sent", float(doubled), 0.0),
        (
            "  (in the line's hand when the kill came, made again under the same key)",
            float(excused),
            float("inf"),
        ),
    ]


def _sent(site: Site, case_id: str) -> set[str]:
    people = {person.id: person.login for person in site.ledger.people.all()}
    calls = site.ledger.calls.of_case(case_id)
    return {people[call.person_id or ""] for call in calls if call.times["sent_at"]}


PARTS: dict[str, Callable[[], list[tuple[str, float, float]]]] = {
    "hand-over": lambda: hand_over(20),
    "fall-over": fall_over,
    "escalation": lambda: escalation(8, {"4 s before": 4.0, "0.3 s before": 0.3}),
    "kills": lambda: killed_while_calling(8),
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    rows = [row for part in parser.parse_args().parts or PARTS for row in PARTS[part]()]
    width = max(len(name) for name, *_ in rows)
    sys.stdout.write(f"{'':{width}}  {'bound':>7}  {'found':>7}  met\n")
    for name, found, bound in rows:
        met = "yes" if found <= bound else "NO"
        sys.stdout.write(f"{name:{width}}  {bound:7.3g}  {found:7.3f}  {met}\n")


if __name__ == "__main__":
    main()
