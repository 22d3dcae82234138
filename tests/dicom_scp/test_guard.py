"""Crowds, caps and who is let in: nobody keeps a real sender out, and every peer ends."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from benchmarks.raw_sender import CT, EXPLICIT, RawSender, association_request, store_command
from dicom_scp import audit, dimse, guard
from dicom_scp.audit import Audit
from dicom_scp.guard import Porch, Visitor
from dicom_scp.listener import ListenerSettings, serve
from dicom_scp.negotiation import Permission, Result
from dicom_scp.policy import PeerRule
from dicom_scp.wire import HEADER, PduType, reject_pdu
from triage.errors import ConfigError, TemporaryError

LOCAL_LIMIT, CONGESTION, UNKNOWN_CALLER = reject_pdu(2, 3, 2), reject_pdu(2, 3, 1), reject_pdu(1, 1, 3)
ECHO = "1.2.840.10008.1.1"


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))


def answer_of(peer: RawSender, **request) -> bytes:
    peer.sock.sendall(association_request(**request))
    kind, body = peer.receive()
    return HEADER.pack(kind, len(body)) + body


def closed_within(peers: list[socket.socket], seconds: float) -> int:
    """How many of the peers the listener ended."""
    deadline, ended = time.monotonic() + seconds, 0
    for peer in peers:
        peer.settimeout(max(deadline - time.monotonic(), 0.01))
        with suppress(OSError):
            ended += not peer.recv(1)
    return ended


def test_silent_peers_cost_no_thread_keep_nobody_out_and_are_ended(
    listening, ct_slice, write, bytes_of, tmp_path
):
    dataset = bytes_of(write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3")))
    with listening(acse_timeout_s=1.0) as gateway, ExitStack() as stack:
        before = threading.active_count()
        crowd = [stack.enter_context(connect(gateway.listener.port)) for _ in range(500)]
        for k, peer in enumerate(crowd):
            peer.sendall(b"\x01\x00\x00\x00\x01"[: k % 6])
        with RawSender(gateway.listener.port) as sender:
            assert sender.associate() == PduType.ASSOCIATE_AC
            assert sender.store(dataset, "1.2.3") == 0
            assert threading.active_count() == before + 1
        assert closed_within(crowd, 20) == len(crowd)


def test_a_full_porch_gives_up_the_oldest_of_the_busiest_address(listening, monkeypatch):
    monkeypatch.setattr(guard, "MOST_VISITORS", 20)
    with listening() as gateway, ExitStack() as stack:
        port = gateway.listener.port
        slow = stack.enter_context(connect(port, "127.0.0.2"))
        crowd = [stack.enter_context(connect(port)) for _ in range(60)]
        assert closed_within(crowd[:40], 2) == 40
        request = association_request()
        slow.sendall(request[:10])
        time.sleep(0.1)
        slow.sendall(request[10:])
        assert RawSender(port, slow).receive()[0] == PduType.ASSOCIATE_AC


def test_a_visitor_given_up_while_its_news_waits_does_no_harm(capsys):
    porch = Porch([], lambda *_: b"", Audit(), patience_s=10)
    ours, theirs = socket.socketpair()
    visitor = Visitor(ours, "10.0.0.1", time.monotonic() + 10)
    porch._enter(visitor)
    news = porch._selector.get_key(ours)
    porch._drop(visitor)
    porch._tend(news)
    assert "porch_failed" not in capsys.readouterr().out
    porch.close()
    porch.run()
    theirs.close()


def test_without_that_rule_the_slow_sender_would_be_lost(listening, monkeypatch):
    monkeypatch.setattr(guard, "MOST_VISITORS", 20)
    monkeypatch.setattr(guard.Counter, "most_common", lambda _self, _n: [("127.0.0.2", 1)])
    with listening() as gateway, ExitStack() as stack:
        slow = stack.enter_context(connect(gateway.listener.port, "127.0.0.2"))
        stack.enter_context(connect(gateway.listener.port, "127.0.0.2"))
        for _ in range(20):
            stack.enter_context(connect(gateway.listener.port))
        assert closed_within([slow], 2) == 1


def test_a_peer_stalled_in_a_unit_is_cut_while_an_idle_one_stays(listening):
    with listening(stall_s=0.5) as gateway, ExitStack() as stack:
        idle, stalled = (stack.enter_context(RawSender(gateway.listener.port)) for _ in range(2))
        idle.associate()
        stalled.associate()
        stalled.sock.sendall(HEADER.pack(PduType.P_DATA_TF, 1000) + b"\0")
        assert stalled.receive()[0] == PduType.ABORT
        assert stalled.receive()[0] == 0
        time.sleep(0.3)
        assert idle.release() == PduType.RELEASE_RP


def test_shutting_down_aborts_what_is_open(listening):
    with listening() as gateway:
        peer = RawSender(gateway.listener.port)
        peer.associate()
    assert peer.receive()[0] == PduType.ABORT
    peer.sock.close()
    assert [event.kind for event in gateway.associations] == ["opened", "aborted"]


def test_a_pause_within_a_message_is_bounded_too(listening):
    with listening(dimse_timeout_s=0.4) as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        peer.send_message(store_command("1.2.3"))
        assert peer.receive()[0] == PduType.ABORT


def test_a_peer_that_does_not_close_after_the_end_is_closed(listening, monkeypatch):
    monkeypatch.setattr(guard, "LINGER_S", 0.3)
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        assert peer.release() == PduType.RELEASE_RP
        deadline = time.monotonic() + 5
        with suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() < deadline:
                peer.sock.sendall(b"still here")
                time.sleep(0.05)
        assert time.monotonic() < deadline


def test_associations_are_capped_in_all_and_room_comes_back(listening):
    with listening(maximum_associations=2) as gateway, ExitStack() as stack:
        first, second, third, fourth = (
            stack.enter_context(RawSender(gateway.listener.port)) for _ in range(4)
        )
        assert first.associate() == second.associate() == PduType.ASSOCIATE_AC
        assert answer_of(third) == LOCAL_LIMIT
        assert third.receive() == (0, b"")
        first.release()
        gateway.wait_closed()
        deadline = time.monotonic() + 2
        while (answer := answer_of(fourth)) == LOCAL_LIMIT and time.monotonic() < deadline:
            fourth = stack.enter_context(RawSender(gateway.listener.port))
        assert answer[0] == PduType.ASSOCIATE_AC


def test_one_address_cannot_take_all_associations(listening):
    with listening(associations_per_peer=1) as gateway, ExitStack() as stack:
        port = gateway.listener.port
        assert stack.enter_context(RawSender(port)).associate() == PduType.ASSOCIATE_AC
        assert answer_of(stack.enter_context(RawSender(port))) == LOCAL_LIMIT
        assert RawSender(port, stack.enter_context(connect(port, "127.0.0.2"))).associate() == 2


def test_a_burst_is_answered_at_once_and_nothing_remains(listening):
    with listening() as gateway, ExitStack() as stack:
        before = threading.active_count()
        peers = [stack.enter_context(RawSender(gateway.listener.port)) for _ in range(200)]
        for peer in peers:
            peer.sock.sendall(association_request())
        kinds = [peer.receive()[0] for peer in peers]
        assert set(kinds) == {PduType.ASSOCIATE_AC, PduType.ASSOCIATE_RJ}
        assert kinds.count(PduType.ASSOCIATE_AC) == 24
        stack.close()
        gateway.wait_closed(24)
        assert gateway.send("echoscu").returncode == 0
        assert threading.active_count() <= before


def test_idle_associations_cost_no_processor_time(listening):
    with listening() as gateway, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(RawSender(gateway.listener.port)).associate()
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.05


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        (PeerRule("RAW"), PduType.ASSOCIATE_AC),
        (PeerRule("RAW", ("127.0.0.0/8",)), PduType.ASSOCIATE_AC),
        (PeerRule("RAW", ("10.0.0.1", "192.168.0.0/16")), UNKNOWN_CALLER),
        (PeerRule("OTHER"), UNKNOWN_CALLER),
    ],
)
def test_rules_bind_a_title_to_its_addresses(listening, rule, answer):
    with listening(peers=(rule,)) as gateway, RawSender(gateway.listener.port) as peer:
        given = answer_of(peer)
        assert given == answer if isinstance(answer, bytes) else given[0] == answer


def test_a_peer_that_may_only_query_cannot_store_but_is_verified(listening):
    rule = PeerRule("RAW", may=frozenset({Permission.QUERY}))
    with listening(peers=(rule,)) as gateway, RawSender(gateway.listener.port) as peer:
        answer = answer_of(peer, contexts=[(1, CT, (EXPLICIT,)), (3, ECHO, (EXPLICIT,))])
        context = bytes([1, 0, Result.USER_REJECTION, 0])
        assert context in answer
        assert bytes([3, 0, Result.ACCEPTANCE, 0]) in answer
        peer.sock.sendall(b"".join(dimse.pdus(1, store_command("1.2.3"), dimse.COMMAND, 0)))
        assert peer.receive()[0] == PduType.ABORT


@pytest.mark.parametrize("wrong", [{"addresses": ("10.0.0.300",)}, {"ae_title": ""}, {"ae_title": "X" * 17}])
def test_impossible_rules_stop_at_start(wrong):
    with pytest.raises(ConfigError):
        PeerRule(**{"ae_title": "A", **wrong})
    with pytest.raises(ConfigError):
        ListenerSettings(tls_port=1)


def test_an_association_that_cannot_be_recorded_is_told_to_come_again(listening, tmp_path):
    def fail(_event):
        raise TemporaryError("database away")

    with listening() as gateway:
        listener = serve(
            ListenerSettings(port=0, free_floor_bytes=0),
            gateway.spool,
            on_arrival=gateway.note,
            on_association=fail,
        )
        with RawSender(listener.port) as peer:
            assert answer_of(peer) == CONGESTION
        listener.shutdown()


def test_refusals_are_told_once_a_minute_and_counted(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(audit.time, "monotonic", lambda: clock[0])
    note = Audit()
    for second in range(100):
        clock[0] = float(second)
        note("10.0.0.1", "A", "policy")
    note("10.0.0.2", "B", "policy")
    lines = [line for line in capsys.readouterr().out.splitlines() if "association_rejected" in line]
    assert len(lines) == 3
    assert "more=59" in lines[1]


def test_a_thousand_wrong_callers_are_rejected_and_leave_no_thread(listening, capsys):
    with listening(calling_ae_titles=("SCANNER",)) as gateway:
        before = threading.active_count()
        for _ in range(300):
            with RawSender(gateway.listener.port) as peer:
                assert answer_of(peer) == UNKNOWN_CALLER
        time.sleep(0.1)
        assert threading.active_count() <= before
        assert gateway.associations == []
    assert capsys.readouterr().out.count("association_rejected") == 1
