"""Lines break and machines are killed: every object arrives once, the answer once, and little is sent twice."""

import random
import threading
import time

from benchmarks.poor_line import PoorLine
from gateway.ledger.ledger import Ledger
from gateway.sharing import courier
from tests.sharing.hospitals import MAPS, RESULTS, STUDY, forked, serving_at, two_hospitals

PATIENCE_S = 60.0


def test_a_line_that_breaks_within_every_object_costs_little(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        line = PoorLine(upper.site.config.http.port, cut_every=150_000)
        poor = lower.partner.model_copy(update={"url": line.url})
        lower.partner = poor
        lower.receive(images=4, size=400_000)
        lower.conclude()
        lower.share()
        with serving_at(upper):
            lower.carry()
        line.close()
        needed = sum(one.size_bytes for one in upper.ledger.holdings.after(0, 1000))
        assert line.cuts > needed // 160_000
        assert line.up_bytes < 1.3 * needed
        assert set(lower.objects()) < set(upper.objects())


def test_while_the_partner_is_away_the_handover_waits_and_says_so(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=2)
        lower.conclude()
        lower.share()
        courier = lower.courier()
        pauses_s = [courier.turn() for _ in range(9)]
        assert pauses_s == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 30.0, 30.0]
        (sent,) = lower.exchange()["sent"]
        assert (sent["state"], sent["detail"]) == ("retrying", "upper does not answer: NewConnectionError")
        with serving_at(upper):
            assert courier.turn() == 0.0


def serve(hospital) -> None:
    """What the API's process does, on connections of its own."""
    hospital.site.ledger = Ledger.open(hospital.site.config.ledger_url)
    with serving_at(hospital):
        time.sleep(PATIENCE_S)


def carry(hospital) -> None:
    """What the courier in a worker does."""
    hospital.site.ledger = Ledger.open(hospital.site.config.ledger_url)
    mine = courier.Courier(hospital.desk, hospital.partner)
    while True:
        time.sleep(min(mine.turn(), 0.05))


def killed_again_and_again(working, waiting, kills: int, *, is_sender: bool, shortest_s: float) -> None:
    """Kill one side at random moments, the other goes on; then let both finish."""
    chance, until = random.Random(11), time.monotonic() + PATIENCE_S
    mortal, other = (carry, serve) if is_sender else (serve, carry)
    with forked(lambda: other(waiting)):
        for _ in range(kills):
            with forked(lambda: mortal(working)):
                time.sleep(shortest_s + chance.random() * 0.25)
        with forked(lambda: mortal(working)):
            sender = working if is_sender else waiting
            while not sender.is_done() and time.monotonic() < until:
                time.sleep(0.05)


def assert_all_once(lower, upper) -> None:
    arrived = upper.objects()
    assert len(arrived) == len({uid for uid, _ in arrived})
    assert set(lower.objects()) < set(arrived)
    assert len(arrived) == len(lower.objects()) + len(RESULTS) + len(MAPS)
    for one in upper.ledger.holdings.after(0, 1000):
        assert (upper.site.config.spool_dir / one.path).stat().st_size > one.size_bytes
    assert lower.exchange()["sent"][0]["state"] == "delivered"


def test_a_sender_killed_again_and_again_sends_everything_once(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=40, size=200_000)
        lower.conclude()
        lower.share()
        killed_again_and_again(lower, upper, 10, is_sender=True, shortest_s=0.02)
        assert_all_once(lower, upper)


def test_a_receiver_killed_again_and_again_has_everything_once(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=40, size=200_000)
        lower.conclude()
        lower.share()
        killed_again_and_again(upper, lower, 8, is_sender=False, shortest_s=0.15)
        assert_all_once(lower, upper)


def test_an_answer_arrives_once_whoever_is_killed(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=1)
        lower.conclude()
        lower.share()
        with serving_at(upper):
            lower.carry()
        for number, word in enumerate(("keep", "more_images", "accept")):
            upper.answer(word)
            with forked(lambda: serve(lower)), forked(lambda: carry(upper)):
                time.sleep(0.1 + 0.05 * number)
        killed_again_and_again(upper, lower, 3, is_sender=True, shortest_s=0.02)
        (sent,) = lower.exchange()["sent"]
        assert [one["word"] for one in sent["answers"]] == ["accept", "more_images", "keep"]
        assert [one["number"] for one in sent["answers"]] == [3, 2, 1]


def test_two_couriers_that_overlap_do_no_harm(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=6, size=50_000)
        lower.conclude()
        lower.share()
        with serving_at(upper):
            one, other = lower.courier(), lower.courier()
            while not lower.is_done():
                one.turn()
                other.turn()
        assert_all_once(lower, upper)
        assert upper.site.get(STUDY).revision == 1


def test_the_workers_thread_carries_until_it_is_stopped(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper), serving_at(upper):
        lower.receive(images=2)
        lower.conclude()
        lower.share()
        stop, until = threading.Event(), time.monotonic() + PATIENCE_S
        threads = [
            threading.Thread(target=courier.serve, args=(lower.desk, lower.partner, stop)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        while not lower.is_done() and time.monotonic() < until:
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)
        assert_all_once(lower, upper)
