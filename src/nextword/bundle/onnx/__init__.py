"""`model.onnx` from anywhere, checked before anything runs it."""
