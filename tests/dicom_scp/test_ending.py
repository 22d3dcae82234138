"""What is cut off inside an element is refused; what is merely odd at its end is kept."""

import io
import struct
from contextlib import contextmanager

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from benchmarks.raw_sender import CT, RawSender
from dicom_scp import ending
from dicom_scp.arrival import StoreStatus
from dicom_scp.elements import CutShortError, NestingError, walk_dataset
from dicom_scp.ending import require_whole
from dicom_scp.headers import TAGS
from dicom_scp.prefix import Beginning
from tests.gateway.shelf import element, nested
from triage.errors import InputError

DELIMITER = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
PADDING = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 20) + bytes(20)
SIGNED = element(
    0xFFFA, 0xFFFA, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 12) + element(0x400, 0x5, b"US", b"\1\0\0\0")
)
OPEN_SIGNED = (
    struct.pack("<HH2sHI", 0xFFFA, 0xFFFA, b"SQ", 0, 2**32 - 1)
    + struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1)
    + element(0x400, 0x5, b"US", b"\1\0")
    + ITEM_END
    + DELIMITER
)


def check(dataset: bytes, syntax: str = ExplicitVRLittleEndian, reads: list | None = None) -> None:
    """What reception does; the dataset stands behind other bytes, as in its file."""

    @contextmanager
    def reread():
        stream = io.BytesIO(b"?" * 300 + dataset)
        stream.seek(300)
        if reads is not None:
            reads.append(stream)
        yield stream

    beginning = Beginning.of(walk_dataset(io.BytesIO(dataset), syntax, TAGS.values()))
    require_whole(beginning, syntax, len(dataset), reread)


def is_whole(dataset: bytes, syntax: str = ExplicitVRLittleEndian) -> bool:
    try:
        check(dataset, syntax)
    except CutShortError:
        return False
    return True


@pytest.fixture(scope="module")
def dataset_of(ct_slice, write, bytes_of, tmp_path_factory):
    def build(syntax=ExplicitVRLittleEndian, **changes) -> bytes:
        path = tmp_path_factory.mktemp("whole") / "a.dcm"
        return bytes_of(write(path, ct_slice(**changes), syntax))

    return build


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_every_cut_through_native_pixels_is_seen_and_none_is_looked_for_in_the_file(dataset_of, syntax):
    dataset, reads = dataset_of(syntax), []
    check(dataset, syntax, reads)
    pixels = 16 * 12 * 2
    cuts = [cut for cut in range(pixels) if is_whole(dataset[: len(dataset) - pixels + cut], syntax)]
    assert (cuts, reads) == ([], [])
    with pytest.raises(CutShortError, match="284 of 384 bytes came"):
        check(dataset[:-100], syntax)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless], ids=lambda syntax: syntax.keyword)
def test_compressed_pixels_are_whole_from_the_end_of_their_last_fragment_on(dataset_of, syntax):
    dataset = dataset_of(syntax)
    assert dataset.endswith(DELIMITER)
    begin = dataset.index(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 2**32 - 1)) + 12
    whole = [cut for cut in range(begin, len(dataset) + 1) if is_whole(dataset[:cut], syntax)]
    assert whole == list(range(len(dataset) - len(DELIMITER), len(dataset) + 1))


def in_frames(data, fragments: list[bytes], frames: int):
    data.NumberOfFrames = frames
    data.PixelData = encapsulate(fragments)
    data["PixelData"].is_undefined_length = True
    return data


def test_without_a_delimiter_every_frame_must_have_come_and_the_last_must_end(ct_slice, bytes_of, tmp_path):
    def dataset(fragments: list[bytes], frames: int, syntax) -> bytes:
        data = in_frames(ct_slice(), fragments, frames)
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        return bytes_of(tmp_path / "a.dcm")[: -len(DELIMITER)]

    ended, open_ended = b"\1\2\3\xff\xd9\0", b"\1\2\3\4\5\6"
    assert is_whole(dataset([ended] * 3, 3, JPEGLSLossless), JPEGLSLossless)
    assert is_whole(dataset([open_ended] * 3, 3, RLELossless), RLELossless)
    assert not is_whole(dataset([ended] * 2, 3, JPEGLSLossless), JPEGLSLossless)
    assert not is_whole(dataset([open_ended] * 2, 3, RLELossless), RLELossless)
    assert not is_whole(dataset([ended, open_ended], 2, JPEGLSLossless), JPEGLSLossless)


@pytest.mark.parametrize(
    ("syntax", "odd"),
    [
        (ExplicitVRLittleEndian, lambda whole: whole + bytes(8)),
        (ExplicitVRLittleEndian, lambda whole: whole + b" "),
        (ExplicitVRLittleEndian, lambda whole: whole + b"\x10\x20" * 40),
        (ExplicitVRLittleEndian, lambda whole: whole + SIGNED + PADDING),
        (ExplicitVRLittleEndian, lambda whole: whole + OPEN_SIGNED),
        (ExplicitVRLittleEndian, lambda whole: whole + PADDING + bytes(30)),
        (JPEGLSLossless, lambda whole: whole[:-8] + bytes(8)),
        (JPEGLSLossless, lambda whole: whole[:-8] + bytes(100)),
        (JPEGLSLossless, lambda whole: whole[:-8] + ITEM_END),
        (JPEGLSLossless, lambda whole: whole[:-4] + b"\xff" * 4),
        (JPEGLSLossless, lambda whole: whole + ITEM_END),
        (RLELossless, lambda whole: whole + PADDING),
    ],
)
def test_what_odd_senders_append_or_leave_out_is_kept(dataset_of, syntax, odd):
    assert is_whole(odd(dataset_of(syntax)), syntax)


@pytest.mark.parametrize("rest", [PADDING, SIGNED, OPEN_SIGNED, SIGNED + PADDING], ids=len)
def test_every_cut_through_what_follows_the_pixels_is_seen(dataset_of, rest):
    for syntax in (ExplicitVRLittleEndian, RLELossless):
        dataset = dataset_of(syntax)
        whole = {cut for cut in range(len(rest) + 1) if is_whole(dataset + rest[:cut], syntax)}
        assert whole == {0, len(rest), *({len(SIGNED)} if rest.startswith(SIGNED) else ())}


def test_nesting_behind_the_pixels_has_the_limit_of_that_before_them(dataset_of):
    def behind(depth: int) -> bytes:
        return dataset_of() + nested(depth, undefined=True).replace(
            struct.pack("<HH", 0x40, 0xA730), b"\xfa\xff\xfa\xff"
        )

    check(behind(32))
    with pytest.raises(NestingError, match="deeper than 32"):
        check(behind(33))
    with pytest.raises(NestingError):
        check(behind(5000))


def test_fragments_are_not_counted_for_ever(ct_slice, bytes_of, tmp_path, monkeypatch):
    monkeypatch.setattr(ending, "MOST_FRAGMENTS", 10)
    data = in_frames(ct_slice(), [b"\1\2"] * 12, 12)
    data.file_meta.TransferSyntaxUID = RLELossless
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="more than 10 fragments"):
        check(bytes_of(tmp_path / "a.dcm"), RLELossless)


def test_a_report_that_ends_with_a_stray_delimiter_is_kept_and_a_stray_one_within_is_not(dataset_of):
    report = dataset_of().partition(struct.pack("<HH2s", 0x7FE0, 0x10, b"OW"))[0]
    for delimiter in (ITEM_END, DELIMITER):
        check(report + delimiter)
        with pytest.raises(InputError, match="delimiter without a sequence"):
            check(report + delimiter + PADDING)


@pytest.mark.parametrize("shape", [(16, 12), (256, 256)], ids=["read at the end", "read while it comes"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_a_torn_object_is_refused_and_nothing_of_it_is_kept(listening, dataset_of, shape, syntax):
    dataset = dataset_of(syntax, shape=shape, SOPInstanceUID="1.2.3")
    other = dataset_of(syntax, shape=shape, SOPInstanceUID="1.2.4")
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate(contexts=((1, CT, (syntax,)),))
        assert peer.store(dataset[:-50], "1.2.3") == StoreStatus.CANNOT_UNDERSTAND
        assert peer.store(other + PADDING[:-1], "1.2.4") == StoreStatus.CANNOT_UNDERSTAND
        assert [len(list(gateway.spool.root.rglob(f"*.{kind}"))) for kind in ("part", "dcm")] == [0, 0]
        assert gateway.arrivals == []
        assert ["cut short" in refusal.reason for refusal in gateway.refusals] == [True, True]
        assert peer.store(dataset, "1.2.3") == StoreStatus.SUCCESS
        assert peer.store(other + PADDING, "1.2.4") == StoreStatus.SUCCESS
    assert [arrival.header.sop_instance_uid for arrival in gateway.arrivals] == ["1.2.3", "1.2.4"]
