"""A receiver that works, and every way in which one does not."""

import logging
import socket
import threading
import time

import hl7
import pytest

from benchmarks.small_emr import SmallEmr
from gateway.hl7.mllp import MllpClient, RefusedError, UnreachableError
from triage.errors import InputError, TemporaryError

HOST = "127.0.0.1"
OURS = "CTRL0001"


def send(host, port, text, **how):
    """One message on a connection of its own."""
    with MllpClient(host, port, **how) as client:
        return client.send(text)


def acknowledgement(code="AA", control_id=OURS, text="", err=""):
    error = f"ERR||{err}\r" if err else ""
    return (
        f"MSH|^~\\&|EMR|H|STROKEGW|H|20260301||ACK^R01^ACK|7|P|2.5.1\rMSA|{code}|{control_id}|{text}\r{error}"
    )


@pytest.fixture
def answering():
    """Start a server that answers the first connection with the given bytes, in pieces; returns its port."""
    started = []

    def start(*pieces, pause_s=0.0, close=True):
        listener = socket.create_server((HOST, 0))
        done = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection:
                while not connection.recv(65_536).endswith(b"\x1c\r"):
                    pass
                for piece in pieces:
                    time.sleep(pause_s)
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                if not close:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        started.append((listener, done, thread))
        return listener.getsockname()[1]

    yield start
    for listener, done, thread in started:
        done.set()
        thread.join(timeout=10)
        listener.close()


def block(text):
    return b"\x0b" + text.encode() + b"\x1c\r"


def test_a_report_arrives_as_it_was_sent(make_report):
    text = make_report()
    with SmallEmr() as emr:
        answer = send(HOST, emr.port, text)
        assert (answer.code, answer.control_id) == ("AA", OURS)
        assert emr.messages == [text]
        assert str(hl7.parse(emr.messages[0]).segment("PID")(5)(1)(1)) == "NGUYỄN"


def test_a_repeat_is_acknowledged_again_and_kept_once(make_report):
    with SmallEmr() as emr:
        for _ in range(2):
            send(HOST, emr.port, make_report())
        assert emr.attempts == 2
        assert len(emr.messages) == 1


def test_a_report_beyond_64_kib_arrives(make_report):
    with SmallEmr() as emr:
        send(HOST, emr.port, make_report() + "NTE|9|L|" + "ữ" * 100_000 + "\r")
        assert len(emr.messages[0]) > 100_000


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_refusal_needs_a_person(make_report, code):
    with SmallEmr(refuse_first=1, refusal=code) as emr:
        with pytest.raises(RefusedError, match=code) as caught:
            send(HOST, emr.port, make_report())
        assert isinstance(caught.value, InputError)
        assert emr.messages == []
        send(HOST, emr.port, make_report())


@pytest.mark.parametrize("condition", ["206", "207"])
def test_a_locked_record_and_an_internal_error_are_tried_again(make_report, condition):
    with SmallEmr(refuse_first=1, refusal=f"AE {condition}") as emr:
        with pytest.raises(TemporaryError, match=condition):
            send(HOST, emr.port, make_report())
        assert send(HOST, emr.port, make_report()).code == "AA"


def test_a_refusal_tells_condition_and_place(make_report):
    said = r"unknown key identifier \(204\) at PID\^1\^3"
    with SmallEmr(refuse_first=1, refusal="AE 204") as emr, pytest.raises(RefusedError, match=said):
        send(HOST, emr.port, make_report())


def test_enhanced_mode_commit_is_an_acceptance(make_report, answering):
    port = answering(block(acknowledgement("CA")))
    assert send(HOST, port, make_report()).code == "CA"


@pytest.mark.parametrize("pieces", [1, 7])
def test_an_answer_in_pieces_is_one_answer(make_report, answering, pieces):
    whole = block(acknowledgement())
    cut = [whole[start : start + pieces] for start in range(0, len(whole), pieces)]
    port = answering(*cut)
    assert send(HOST, port, make_report()).code == "AA"


def test_a_receiver_that_is_away_may_come_back(make_report):
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UnreachableError, match="ConnectionRefusedError"):
        send(HOST, port, make_report())


def test_a_silent_receiver_is_given_up_in_time(make_report):
    with SmallEmr(silent=True) as emr:
        started = time.monotonic()
        with pytest.raises(TemporaryError, match="TimeoutError"):
            send(HOST, emr.port, make_report(), timeout_s=0.3)
        assert time.monotonic() - started < 2


def test_a_receiver_that_drips_its_answer_is_given_up_in_time(make_report, answering):
    port = answering(*[b"x"] * 100, pause_s=0.05)
    started = time.monotonic()
    with pytest.raises(TemporaryError, match="TimeoutError"):
        send(HOST, port, make_report(), timeout_s=0.4)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("pieces", [[], [b"\x0bMSH|^~\\&|half"]], ids=["nothing", "half"])
def test_a_receiver_that_hangs_up_may_come_back(make_report, answering, pieces):
    with pytest.raises(TemporaryError, match="Connection"):
        send(HOST, answering(*pieces), make_report())


def test_an_endless_answer_is_cut_off(make_report, answering):
    port = answering(*[b"x" * 300_000] * 8)
    with pytest.raises(TemporaryError, match="Connection"):
        send(HOST, port, make_report())


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "MSH",
        "HTTP/1.1 400 Bad Request",
        "MSH|^~\\&|EMR",
        acknowledgement(code="OK"),
        acknowledgement().replace("MSA", "MSX"),
        "MSH|||||\rMSA",
        "\x00\x01\x02",
    ],
)
def test_a_garbled_answer_is_no_acceptance(make_report, answering, answer):
    with pytest.raises(TemporaryError, match="not an acknowledgement"):
        send(HOST, answering(block(answer)), make_report())


def test_bytes_that_are_no_text_are_no_acceptance(make_report, answering):
    with pytest.raises(TemporaryError, match="not an acknowledgement"):
        send(HOST, answering(b"\x0b\xff\xfe\x80\x1c\r"), make_report())


def test_an_acceptance_of_another_message_is_none_of_ours(make_report, answering):
    with pytest.raises(TemporaryError, match="another message"):
        send(HOST, answering(block(acknowledgement(control_id="CTRL0002"))), make_report())


def test_older_receivers_tell_the_condition_in_the_msa(make_report, answering):
    answer = acknowledgement("AE").replace(f"|{OURS}|\r", f"|{OURS}||||207^Internal\r")
    with pytest.raises(TemporaryError, match="207"):
        send(HOST, answering(block(answer)), make_report())


def test_what_a_receiver_writes_about_a_person_is_in_no_error_and_no_log(make_report, answering, caplog):
    caplog.set_level(logging.DEBUG)
    answer = acknowledgement("AE", text="NGUYEN VAN A unknown", err="NGUYEN^VAN^A|204^NGUYEN|E||||NGUYEN")
    with pytest.raises(RefusedError) as caught:
        send(HOST, answering(block(answer)), make_report())
    assert "NGUYEN" not in f"{caught.value} {caught.value.acknowledgement!r} {caplog.text}"
    assert caught.value.acknowledgement.text == "NGUYEN VAN A unknown"


def test_letters_the_receiver_cannot_take_need_a_person(make_report):
    with pytest.raises(InputError, match="cannot carry") as caught:
        send(HOST, 1, make_report(), encoding="latin-1")
    assert "NGUY" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "PID|1\r", "MSH|^~\\&|A|B|C|D|2026||ORU|\r"])
def test_a_message_without_a_control_id_is_not_sent(text):
    with pytest.raises(InputError, match="control id"):
        send(HOST, 1, text)


class Counting:
    """A receiver that counts its calls and may hang up after every answer."""

    def __init__(self, *, hangs_up=False, chatters=False):
        self.calls, self.control_ids, self.hangs_up, self.chatters = 0, [], hangs_up, chatters
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=10)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            with connection:
                self._serve(connection)

    def _serve(self, connection):
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
            if not received.endswith(b"\x1c\r"):
                continue
            control_id = received.split(b"|")[9].decode()
            self.control_ids.append(control_id)
            received = b""
            answer = block(acknowledgement(control_id=control_id))
            connection.sendall(answer * (2 if self.chatters else 1))
            if self.hangs_up:
                return


def numbered(make_report, number):
    return make_report().replace(OURS, f"CTRL{number:04d}")


def test_one_connection_carries_many_messages(make_report):
    with Counting() as receiver, MllpClient(HOST, receiver.port) as client:
        for number in range(5):
            client.send(numbered(make_report, number))
        assert receiver.calls == 1
        client.close()
        client.send(numbered(make_report, 5))
        assert (receiver.calls, len(receiver.control_ids)) == (2, 6)


@pytest.mark.parametrize("habit", ["hangs_up", "chatters"])
def test_a_connection_that_is_over_or_out_of_step_is_replaced_before_a_message_goes(make_report, habit):
    with Counting(**{habit: True}) as receiver, MllpClient(HOST, receiver.port) as client:
        for number in range(5):
            client.send(numbered(make_report, number))
            time.sleep(0.02)
        assert receiver.calls == 5
        assert receiver.control_ids == [f"CTRL{number:04d}" for number in range(5)], "none twice"


def test_a_connection_that_was_silent_for_long_is_replaced(make_report, monkeypatch):
    with Counting() as receiver, MllpClient(HOST, receiver.port) as client:
        client.send(numbered(make_report, 1))
        monkeypatch.setattr("gateway.hl7.mllp.LONGEST_SILENCE_S", 0.0)
        client.send(numbered(make_report, 2))
        assert receiver.calls == 2


def test_a_receiver_can_be_reached_without_a_message(make_report):
    with Counting() as receiver, MllpClient(HOST, receiver.port) as client:
        client.reach()
        client.send(make_report())
        assert receiver.calls == 1
    with MllpClient(HOST, receiver.port) as client, pytest.raises(UnreachableError):
        client.reach()
