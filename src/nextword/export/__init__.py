"""Export a model to ONNX, in float32 or int8, so that it runs without a training framework."""
