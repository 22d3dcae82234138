"""Write the deconvolution graph: ``python models/training/build_deconvolution.py [OUT]``.

The graph is `triage.deconvolution.deconvolve` in ONNX: the least regularised inverse whose residue is calm, the
most regularised one when none is, and the first of its peaks refined by a parabola. Nothing is fitted; the same version of the
onnx package writes the same bytes, so the digest in the manifest can be checked by anybody.
"""

import hashlib
import sys
from pathlib import Path

import onnx
from onnx import checker, parser

WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "deconvolution.onnx"

GRAPH = """
<ir_version: 8, opset_import: ["" : 17], producer_name: "stroke-gateway", producer_version: "1.1.0">
deconvolution (
    float[V, N] tissue_hu, float[P, L, N] operators, float dt_s, float oscillation_limit, float first_lag
) => (float[V] peak_per_s, float[V] tmax_s)
{
    zero = Constant <value = int64 {0}> ()
    one = Constant <value = int64 {1}> ()
    two = Constant <value = int64 {2}> ()
    on = Constant <value = bool {1}> ()
    flat = Constant <value = int64[1] {-1}> ()
    start = Constant <value = int64[1] {0}> ()
    second = Constant <value = int64[1] {1}> ()
    third = Constant <value = int64[1] {2}> ()
    before_last = Constant <value = int64[1] {-1}> ()
    before_second_last = Constant <value = int64[1] {-2}> ()
    far = Constant <value = int64[1] {9223372036854775807}> ()
    neighbours = Constant <value = int64[1, 3] {-1, 0, 1}> ()
    front = Constant <value = int64[1, 4] {1, 2, 3, 4}> ()
    peaked = Constant <value = float {0.97}> ()
    nothing = Constant <value = float {0}> ()
    quarter = Constant <value = float {0.25}> ()
    half = Constant <value = float {0.5}> ()
    minus_half = Constant <value = float {-0.5}> ()
    double = Constant <value = float {2}> ()
    minus_one = Constant <value = float {-1}> ()

    tissue_shape = Shape (tissue_hu)
    voxels = Gather (tissue_shape, zero)
    everyone = Range (zero, voxels, one)
    voxels_axis = Unsqueeze (voxels, start)
    blank = ConstantOfShape <value = float[1] {0}> (voxels_axis)
    operators_shape = Shape (operators)
    levels = Gather (operators_shape, zero)
    lags = Gather (operators_shape, one)
    lags_f = Cast <to = 1> (lags)
    limit = Mul (oscillation_limit, lags_f)
    last_inner = Sub (lags, two)
    transposed = Transpose <perm = [0, 2, 1]> (operators)
    some = Greater (voxels, zero)

    waiting_after, curves_after, peak_per_s, place = Loop (levels, some, everyone, tissue_hu, blank, blank) <
        body = level (
            int64 i, bool going, int64[W] waiting, float[W, N] curves, float[V] peaks, float[V] places
        ) => (bool more, int64[R] waiting_out, float[R, N] curves_out, float[V] peaks_out, float[V] places_out)
        {
            inverse = Gather <axis = 0> (transposed, i)
            residue = MatMul (curves, inverse)

            later = Slice (residue, second, far, second)
            earlier = Slice (residue, start, before_last, second)
            slope = Sub (later, earlier)
            slope_later = Slice (slope, second, far, second)
            slope_earlier = Slice (slope, start, before_last, second)
            curvature = Sub (slope_later, slope_earlier)
            bends = Abs (curvature)
            bend_sum = ReduceSum <keepdims = 0> (bends, second)
            top = ReduceMax <axes = [1], keepdims = 0> (residue)
            allowed = Mul (limit, top)
            calm_enough = Less (bend_sum, allowed)
            flows = Greater (top, nothing)
            calm = And (flows, calm_enough)

            inner = Slice (residue, second, before_last, second)
            inner_top = ReduceMax <axes = [1], keepdims = 1> (inner)
            near_top = Mul (peaked, inner_top)
            reaches = GreaterOrEqual (inner, near_top)
            reaches_f = Cast <to = 1> (reaches)
            reached = ArgMax <axis = 1, keepdims = 1> (reaches_f)
            front_or_beyond = Add (reached, front)
            front_rows = Min (front_or_beyond, last_inner)
            front_residue = GatherElements <axis = 1> (residue, front_rows)
            highest = ArgMax <axis = 1, keepdims = 1> (front_residue)
            at = GatherElements <axis = 1> (front_rows, highest)
            rows = Add (at, neighbours)
            three = GatherElements <axis = 1> (residue, rows)
            left, middle, right = Split <axis = 1> (three)
            middle_twice = Mul (double, middle)
            left_bend = Sub (left, middle_twice)
            bend = Add (left_bend, right)
            tilt = Sub (left, right)
            convex = Less (bend, nothing)
            divisor = Where (convex, bend, minus_one)
            half_tilt = Mul (half, tilt)
            vertex = Div (half_tilt, divisor)
            vertex_or_none = Where (convex, vertex, nothing)
            shift = Clip (vertex_or_none, minus_half, half)
            quarter_tilt = Mul (quarter, tilt)
            rise = Mul (quarter_tilt, shift)
            height = Sub (middle, rise)
            height_flat = Reshape (height, flat)
            at_f = Cast <to = 1> (at)
            row = Add (at_f, shift)
            row_flat = Reshape (row, flat)

            peaks_out = ScatterElements <axis = 0> (peaks, waiting, height_flat)
            places_out = ScatterElements <axis = 0> (places, waiting, row_flat)

            restless = Not (calm)
            waiting_out = Compress <axis = 0> (waiting, restless)
            curves_out = Compress <axis = 0> (curves, restless)
            left_over = Size (waiting_out)
            more = Greater (left_over, zero)
        }
    >
    lag = Add (place, first_lag)
    tmax_s = Mul (lag, dt_s)
}
"""


def build() -> bytes:
    """Serialise the graph; voxels that are not calm yet are overwritten by the next inverse, the rest stays."""
    model = parser.parse_model(GRAPH)
    model.doc_string = "Closed-form deconvolution. Research use, not for primary diagnosis."
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def main(arguments: list[str]) -> None:
    """Write the graph and print what belongs into the manifest."""
    out = Path(arguments[0]) if arguments else WEIGHTS
    graph = build()
    out.write_bytes(graph)
    print(f"{out}\nsha256 = {hashlib.sha256(graph).hexdigest()}\nonnx {onnx.__version__}")


if __name__ == "__main__":
    main(sys.argv[1:])
