"""Trained network -> ONNX, int8, model card."""
