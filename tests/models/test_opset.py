"""The operator-set reader, against the onnx package."""

import contextlib

import pytest

from models.opset import opset_of
from triage.errors import ConfigError

onnx = pytest.importorskip("onnx", reason="the onnx package is in the train extra")


def graph_for(opset, *more_imports):
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    value = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["V"]) for n in "xy"]
    graph = onnx.helper.make_graph([node], "g", value[:1], value[1:])
    imports = [*more_imports, onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(graph, opset_imports=imports).SerializeToString()


@pytest.mark.parametrize("opset", [7, 17, 21, 300])
def test_it_reads_what_the_onnx_package_wrote(opset):
    assert opset_of(graph_for(opset)) == opset


def test_operator_sets_of_other_domains_are_passed_over():
    assert opset_of(graph_for(17, onnx.helper.make_opsetid("ai.onnx.ml", 3))) == 17


@pytest.mark.parametrize(
    "junk",
    [b"", b"\xff", b"PK\x03\x04 not a graph", b"\x08\x08", b"\x3a\xff\xff", b"\x40\x01", b"\x42\x02\x08\x01"],
)
def test_bytes_that_are_no_model_are_refused(junk):
    with pytest.raises(ConfigError, match="not an ONNX file"):
        opset_of(junk)


def test_a_graph_cut_short_never_tells_another_operator_set():
    whole = graph_for(17)
    told = set()
    for length in range(len(whole)):
        with contextlib.suppress(ConfigError):
            told.add(opset_of(whole[:length]))
    assert told <= {17}
