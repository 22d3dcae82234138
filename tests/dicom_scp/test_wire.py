"""The protocol by hand: what is read within bounds, and how every misbehaviour ends."""

import random
import socket
import struct
import threading
import time
from contextlib import suppress

import pytest
from pydicom.uid import CTImageStorage

from benchmarks.raw_sender import CT, EXPLICIT, RawSender, association_request, store_command
from dicom_scp import dimse
from dicom_scp.arrival import AssociationKind, StoreStatus
from dicom_scp.dimse import Command, Element, Field, ui, us
from dicom_scp.listener import ListenerSettings, serve
from dicom_scp.negotiation import Offer, Permission, Result, negotiate, parse_request
from dicom_scp.prefix import early_beginning, walk_prefix
from dicom_scp.services import DimseResponse, Service
from dicom_scp.wire import (
    HEADER,
    LARGEST_PDU_BYTES,
    AbortReason,
    ConnectionLostError,
    PduType,
    ProtocolError,
    Wire,
    abort_pdu,
)

OPENED, RELEASED, ABORTED = AssociationKind.OPENED, AssociationKind.RELEASED, AssociationKind.ABORTED
VERIFICATION = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
GET = "1.2.840.10008.5.1.4.1.2.2.3"


def unit(kind: int, body: bytes = bytes(4)) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def fragment(body: bytes, control: int, context_id: int = 1) -> bytes:
    return unit(PduType.P_DATA_TF, dimse.PDV.pack(len(body) + 2, context_id, control) + body)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Wire(ours, stall_s=0.3), theirs
    ours.close()
    theirs.close()


def test_a_unit_that_drips_is_given_up_in_time(pair):
    wire, peer = pair
    stop = threading.Event()

    def drip():
        with suppress(OSError):
            while not stop.wait(0.05):
                peer.sendall(b"\0")

    peer.sendall(HEADER.pack(PduType.P_DATA_TF, 1000))
    assert wire.next_pdu(5) == (PduType.P_DATA_TF, 1000)
    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(ConnectionLostError, match="stalled") as lost:
        wire.exactly(1000)
    assert time.monotonic() - began < 2
    assert lost.value.is_answerable
    stop.set()
    thread.join()


def test_pauses_between_units_are_measured_by_patience_not_by_the_unit(pair):
    wire, peer = pair
    threading.Timer(0.6, peer.sendall, [unit(PduType.RELEASE_RQ)]).start()
    assert wire.next_pdu(10) == (PduType.RELEASE_RQ, 4)


def test_a_unit_too_long_is_refused_before_it_is_read(pair):
    wire, peer = pair
    peer.sendall(HEADER.pack(PduType.P_DATA_TF, LARGEST_PDU_BYTES + 1))
    with pytest.raises(ProtocolError):
        wire.next_pdu(1)


def test_a_peer_that_closes_is_gone(pair):
    wire, peer = pair
    peer.sendall(HEADER.pack(PduType.P_DATA_TF, 10) + b"abc")
    peer.close()
    wire.next_pdu(1)
    with pytest.raises(ConnectionLostError, match="closed"):
        wire.exactly(10)


def test_pieces_join_to_what_was_sent(pair):
    wire, peer = pair
    content = random.Random(1).randbytes(1 << 20)
    threading.Thread(target=peer.sendall, args=(content,)).start()
    wire._deadline = time.monotonic() + 5
    head = wire.exactly(7)
    assert head + b"".join(map(bytes, wire.pieces(len(content) - 7))) == content


def test_a_command_survives_the_way_there_and_back():
    command = Command.parse(store_command("1.2.3"))
    assert command.text(Element.AFFECTED_SOP_INSTANCE_UID) == "1.2.3"
    assert command.has_dataset
    answer = Command.parse(command.answered(0xA700, {Element.ERROR_COMMENT: b"full"}, has_dataset=False))
    assert (answer.number(Element.STATUS), answer.number(Element.COMMAND_FIELD)) == (0xA700, 0x8001)
    assert answer.number(Element.RESPONDED_TO) == 1
    assert int.from_bytes(answer.values[0], "little") == len(dimse.encode(answer.values)) - 12 - 12


@pytest.mark.parametrize(
    "raw", [b"", b"abc", struct.pack("<HHI", 0, 0x100, 99), struct.pack("<HHI", 8, 0, 0)]
)
def test_what_is_no_command_set_is_refused(raw):
    with pytest.raises(ProtocolError):
        Command.parse(raw)


def test_our_order_of_transfer_syntaxes_decides_and_permissions_bound():
    request = parse_request(
        association_request(
            contexts=[(1, CT, ("1.2.840.10008.1.2", EXPLICIT)), (3, CT, ("1.9",)), (5, "1.8", ("1.9",))]
        )[6:]
    )
    offers = {CT: Offer((EXPLICIT, "1.2.840.10008.1.2"), Permission.STORE)}
    answers = negotiate(request.contexts, offers, {Permission.STORE})
    assert answers[0].transfer_syntax == EXPLICIT
    assert [answer.result for answer in answers] == [
        Result.ACCEPTANCE,
        Result.TRANSFER_SYNTAXES_NOT_SUPPORTED,
        Result.ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ]
    assert negotiate(request.contexts, offers, {Permission.QUERY})[0].result is Result.USER_REJECTION


def test_every_cut_of_an_association_request_is_refused_or_read():
    body = association_request(contexts=[(1, CT, (EXPLICIT,)), (3, VERIFICATION, (EXPLICIT,))])[6:]
    refused = 0
    for cut in range(len(body)):
        try:
            parse_request(body[:cut])
        except ProtocolError:
            refused += 1
    assert refused > len(body) * 0.9


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (unit(PduType.ASSOCIATE_RQ), AbortReason.UNEXPECTED_PDU),
        (unit(PduType.RELEASE_RP), AbortReason.UNEXPECTED_PDU),
        (unit(0x42), AbortReason.UNRECOGNISED_PDU),
        (unit(PduType.RELEASE_RQ, bytes(8)), AbortReason.INVALID_PARAMETER),
        (HEADER.pack(PduType.P_DATA_TF, 0xFFFFFFF0), AbortReason.INVALID_PARAMETER),
        (unit(PduType.P_DATA_TF, b"abc"), AbortReason.INVALID_PARAMETER),
        (unit(PduType.P_DATA_TF, dimse.PDV.pack(1 << 30, 1, 3)), AbortReason.INVALID_PARAMETER),
        (fragment(store_command("1.2.3"), 3, context_id=77), AbortReason.INVALID_PARAMETER),
        (fragment(b"data", 2), AbortReason.UNEXPECTED_PARAMETER),
        (fragment(b"nonsense", 3), AbortReason.INVALID_PARAMETER),
        (fragment(b"", 1) * 20, AbortReason.UNEXPECTED_PARAMETER),
        (fragment(bytes(40_000), 1) * 2, AbortReason.INVALID_PARAMETER),
        (fragment(store_command("1.2.3"), 3) + fragment(b"", 0) * 20, AbortReason.INVALID_PARAMETER),
        (fragment(store_command("1.2.3"), 3) * 2, AbortReason.UNEXPECTED_PDU),
        (fragment(store_command("1.2.3"), 3) + unit(PduType.RELEASE_RQ), AbortReason.UNEXPECTED_PDU),
        (fragment(dimse.encode({Element.COMMAND_FIELD: us(0x8001), Element.DATASET_TYPE: us(0x101)}), 3), AbortReason.UNEXPECTED_PARAMETER),
    ],
)  # fmt: skip
def test_what_breaks_the_protocol_is_aborted_with_its_reason(listening, sent, reason):
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        assert peer.associate() == PduType.ASSOCIATE_AC
        peer.sock.sendall(sent)
        assert unit(*peer.receive()) == abort_pdu(reason)
        assert peer.receive() == (0, b"")
        assert gateway.wait_closed() == [OPENED, ABORTED]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (unit(PduType.P_DATA_TF), AbortReason.UNEXPECTED_PDU),
        (unit(PduType.RELEASE_RQ), AbortReason.UNEXPECTED_PDU),
        (unit(0x16), AbortReason.UNRECOGNISED_PDU),
        (unit(PduType.ASSOCIATE_RQ, b"short"), AbortReason.INVALID_PARAMETER),
        (HEADER.pack(PduType.ASSOCIATE_RQ, 1 << 20), AbortReason.INVALID_PARAMETER),
    ],
)
def test_before_the_association_too(listening, sent, reason):
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.sock.sendall(sent)
        assert unit(*peer.receive()) == abort_pdu(reason)
        assert peer.receive() == (0, b"")
        assert gateway.associations == []


@pytest.mark.parametrize("ending", [abort_pdu(), b""])
def test_an_abort_or_a_silent_end_in_a_message_leaves_nothing(listening, ending):
    with listening() as gateway:
        with RawSender(gateway.listener.port) as peer:
            peer.associate()
            peer.sock.sendall(fragment(store_command("1.2.3"), 3) + fragment(bytes(100_000), 0) + ending)
        assert gateway.wait_closed() == [OPENED, ABORTED]
        assert not [path for path in gateway.spool.root.rglob("*") if path.is_file()]
        assert gateway.arrivals == []


def test_a_message_without_an_end_is_cut_at_the_cap(listening):
    with listening(largest_instance_bytes=1 << 20) as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        peer.sock.sendall(fragment(store_command("1.2.3"), 3) + fragment(bytes(100_000), 0) * 11)
        assert peer.status() == StoreStatus.OUT_OF_RESOURCES
        assert unit(*peer.receive()) == abort_pdu()
        assert gateway.wait_closed() == [OPENED, ABORTED]
        assert not [path for path in gateway.spool.root.rglob("*") if path.is_file()]


def test_a_long_header_is_read_back_from_the_file(listening, ct_slice, write, bytes_of, tmp_path):
    data = ct_slice(SOPInstanceUID="1.2.3")
    block = data.private_block(0x0019, "LONG", create=True)
    block.add_new(0x01, "OB", bytes(300_000))
    dataset = bytes_of(write(tmp_path / "one.dcm", data))
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        assert peer.store(dataset, "1.2.3") == StoreStatus.SUCCESS
        assert peer.store(dataset, "1.2.4") == StoreStatus.DATASET_MISMATCH
        assert bytes_of(gateway.stored(gateway.arrivals[0])) == dataset


def test_tiny_fragments_make_the_same_file(listening, ct_slice, write, bytes_of, tmp_path):
    dataset = bytes_of(write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3")))
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        command = store_command("1.2.3")
        pieces = [
            fragment(command[k : k + 7], 1 | 2 * (k + 7 >= len(command))) for k in range(0, len(command), 7)
        ]
        pieces += [
            fragment(dataset[k : k + 5], 2 * (k + 5 >= len(dataset))) for k in range(0, len(dataset), 5)
        ]
        peer.sock.sendall(b"".join(pieces))
        assert peer.status() == StoreStatus.SUCCESS
        assert bytes_of(gateway.stored(gateway.arrivals[0])) == dataset
        assert peer.release() == PduType.RELEASE_RP
        assert gateway.wait_closed() == [OPENED, RELEASED]


def test_the_quick_walk_agrees_with_the_general_one(ct_slice, write, bytes_of, tmp_path):
    dataset = bytes_of(write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3")))
    whole = early_beginning(dataset, EXPLICIT)
    assert whole.header.sop_instance_uid == "1.2.3"
    for cut in range(0, len(dataset), 3):
        assert early_beginning(dataset[:cut], EXPLICIT) in {None, whole}
    assert walk_prefix(b"\xff" * 1000, EXPLICIT, ()) is None


def test_operations_nobody_serves_are_named_so(listening):
    echo = {
        Element.AFFECTED_SOP_CLASS_UID: ui(VERIFICATION),
        Element.MESSAGE_ID: us(9),
        Element.DATASET_TYPE: us(0x101),
    }
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate(contexts=[(1, VERIFICATION, (EXPLICIT,))])
        peer.send_message(dimse.encode({**echo, Element.COMMAND_FIELD: us(Field.C_FIND)}))
        assert peer.status() == 0x0211
        peer.send_message(dimse.encode({**echo, Element.COMMAND_FIELD: us(Field.C_ECHO)}))
        assert peer.status() == 0
        peer.send_message(store_command("1.2.3", VERIFICATION), b"not storage")
        assert peer.status() == 0x0211


def find(request):
    for k in range(100):
        if request.channel.is_cancelled():
            yield DimseResponse(0xFE00)
            return
        yield DimseResponse(0xFF00, dataset=request.dataset + bytes([k, 0]))
        time.sleep(0.005)
    yield DimseResponse(0)


def get(request):
    context = next(c for c in request.channel.contexts.values() if c.abstract_syntax == CT)
    values = {
        Element.AFFECTED_SOP_CLASS_UID: ui(CT),
        Element.COMMAND_FIELD: us(Field.C_STORE),
        Element.PRIORITY: us(0),
        Element.AFFECTED_SOP_INSTANCE_UID: ui("1.2.3"),
    }
    answer = request.channel.request(context.context_id, values, bytes(300_000))
    yield DimseResponse(answer.number(Element.STATUS), extra={Element.COMPLETED: us(1)})


def test_further_services_answer_are_cancelled_and_send(tmp_path, listening):
    services = [
        Service(Field.C_FIND, (FIND,), find, Permission.QUERY),
        Service(Field.C_GET, (GET,), get, Permission.QUERY),
    ]
    with listening() as gateway:
        listener = serve(
            ListenerSettings(port=0, free_floor_bytes=0),
            gateway.spool,
            on_arrival=gateway.note,
            on_association=gateway.associations.append,
            services=services,
        )
        role = struct.pack(">BxHH", 0x54, len(CT) + 4, len(CT)) + CT.encode() + b"\0\1"
        with RawSender(listener.port) as peer:
            peer.sock.sendall(
                association_request(
                    contexts=[(1, FIND, (EXPLICIT,)), (3, GET, (EXPLICIT,)), (5, CT, (EXPLICIT,))], extra=role
                )
            )
            kind, body = peer.receive()
            assert kind == PduType.ASSOCIATE_AC
            assert CT.encode() + b"\0\1" in body
            query = {Element.MESSAGE_ID: us(7), Element.DATASET_TYPE: us(1)}
            command = {
                **query,
                Element.AFFECTED_SOP_CLASS_UID: ui(FIND),
                Element.COMMAND_FIELD: us(Field.C_FIND),
            }
            peer.send_message(dimse.encode(command), b"ab", 1)
            assert peer.status() == 0xFF00
            assert peer.receive()[1][6:] == b"ab\0\0"
            peer.send_message(
                dimse.encode(
                    {
                        Element.COMMAND_FIELD: us(Field.C_CANCEL),
                        Element.RESPONDED_TO: us(7),
                        Element.DATASET_TYPE: us(0x101),
                    }
                )
            )
            statuses = []
            while not statuses or statuses[-1] == 0xFF00:
                statuses.append(peer.status())
                if statuses[-1] == 0xFF00:
                    peer.receive()
            assert statuses[-1] == 0xFE00
            assert len(statuses) < 90
            command = {
                **query,
                Element.AFFECTED_SOP_CLASS_UID: ui(GET),
                Element.COMMAND_FIELD: us(Field.C_GET),
            }
            peer.send_message(dimse.encode(command), b"ab", 3)
            request = peer.response()
            assert request.number(Element.COMMAND_FIELD) == Field.C_STORE
            received = 0
            while received < 300_000:
                received += len(peer.receive()[1]) - 6
            peer.send_message(request.answered(0, {}, has_dataset=False), context_id=5)
            final = peer.response()
            assert (final.number(Element.STATUS), final.number(Element.COMPLETED)) == (0, 1)
            assert peer.release() == PduType.RELEASE_RP
        listener.shutdown()


def test_mutated_associations_end_and_leave_no_thread(listening, ct_slice, write, bytes_of, tmp_path):
    dataset = bytes_of(write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3")))
    units = [*dimse.pdus(1, store_command("1.2.3", CTImageStorage), 1, 4096), *dimse.pdus(1, dataset, 0, 256)]
    capture = association_request() + b"".join(units) + unit(PduType.RELEASE_RQ)
    chance = random.Random(2)
    with listening(acse_timeout_s=2.0, stall_s=2.0, dimse_timeout_s=2.0, network_timeout_s=2.0) as gateway:
        before = threading.active_count()
        for _ in range(300):
            mutated = bytearray(capture)
            for _ in range(chance.randint(1, 8)):
                mutated[chance.randrange(len(mutated))] = chance.randrange(256)
            port = gateway.listener.port
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                peer.sendall(mutated[: chance.randint(1, len(mutated))])
        deadline = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert threading.active_count() <= before
        assert gateway.send("echoscu").returncode == 0
        kinds = [event.kind for event in gateway.associations]
        gateway.wait_closed(kinds.count(OPENED))
