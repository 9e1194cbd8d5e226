"""Weights in eight bits: onnxruntime's dynamic quantization."""

import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.quant_utils import add_pre_process_metadata


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that multiplies in int8, and holds its matrices and its embedding in eight bits.

    Each gate of each unit has a scale of its own, any other matrix one for all: the product of a single row with a
    large matrix is a fifth slower with a scale for each column, and the perplexity no better. What the matrices are
    multiplied by is rounded as it comes, to 256 steps.

    The weights themselves keep to 128 steps. On processors without instructions for neural networks (VNNI on x86-64),
    two products are added up in sixteen bits, where larger ones would overflow.
    """
    of_layers = _quantized(model, ["LSTM"], per_channel=True)
    return _quantized(of_layers, ["MatMul", "Gather"], per_channel=False)


def _quantized(model: onnx.ModelProto, operators: list[str], *, per_channel: bool) -> onnx.ModelProto:
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    add_pre_process_metadata(prepared)  # else the library advises to fuse and infer what is not there to be
    with tempfile.TemporaryDirectory(prefix="nextword-") as scratch:
        path = Path(scratch, "model.onnx")
        quantize_dynamic(
            prepared,
            path,
            op_types_to_quantize=operators,
            per_channel=per_channel,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"EnableSubgraph": True},
        )
        result = onnx.load(path)
    del result.metadata_props[:]
    for tensor in result.graph.initializer:
        tensor.ClearField("data_location")  # it says that the data are where they are
    return result
