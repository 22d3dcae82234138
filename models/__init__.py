"""ONNX models with their manifest and cards: weights to callables."""
