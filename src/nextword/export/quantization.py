"""A model in eight bits."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from nextword.bundle.onnx.embeddings import EMBEDDINGS, quantized_names

_TRANSPOSED = f"{EMBEDDINGS}_Transposed"
"""The library's name for a tied matrix in the output projection."""


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that multiplies in int8 and stores its matrices in eight bits.

    Each gate of each unit of an LSTM has its own scale. Any other matrix has one scale. A scale for each column would
    make the product of one row with a large matrix a fifth slower, and the perplexity no better. The other factor of a
    product is rounded to 256 steps when the model runs.

    Weights are rounded to 128 steps. Processors without instructions for neural networks (VNNI on x86-64) add two
    products in sixteen bits, where larger weights would overflow.

    A tied matrix is stored once, see `share_tied_matrix`.
    """
    of_layers = _quantized(model, ["LSTM"], per_channel=True)
    result = _quantized(of_layers, ["MatMul", "Gather"], per_channel=False)
    share_tied_matrix(result)
    return result


def _quantized(model: onnx.ModelProto, operators: list[str], *, per_channel: bool) -> onnx.ModelProto:
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    add_pre_process_metadata(prepared)  # else the library advises to fuse and infer, for which there is nothing here
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
        tensor.ClearField("data_location")  # its default: the data are in this file
    return result


def share_tied_matrix(model: onnx.ModelProto) -> None:
    """Store a tied embedding matrix once, where the library stores it for the input and again for the output.

    The matrix of the output projection is kept, transposed back to `(V, E)`, and the input reads its rows. For the
    output the graph transposes it. onnxruntime does that once, when it loads the model, and runs the same operators as
    before.

    Args:
        model: A quantized model; it is changed. A model without a tied matrix stays as it is.
    """
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if quantized_names(_TRANSPOSED)[0] not in tensors:
        return
    of_input, of_output = quantized_names(EMBEDDINGS), quantized_names(_TRANSPOSED)
    for name in of_input:
        graph.initializer.remove(tensors[name])
    matrix, *scale_and_zero = (tensors[name] for name in of_output)
    rows = np.ascontiguousarray(numpy_helper.to_array(matrix).T)
    graph.initializer.remove(matrix)
    graph.initializer.append(numpy_helper.from_array(rows, of_input[0]))
    for tensor, name in zip(scale_and_zero, of_input[1:], strict=True):
        tensor.name = name
    renamed = dict(zip(of_output[1:], of_input[1:], strict=True))
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    graph.node.insert(0, helper.make_node("Transpose", [of_input[0]], [of_output[0]], perm=[1, 0]))
