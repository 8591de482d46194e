"""Speed and memory: ``python -m benchmarks`` prints tables and asserts nothing."""
