"""A bundle that runs without a training framework: weights to ONNX, in float32 or int8."""
