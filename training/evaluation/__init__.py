"""Evaluation: metrics, systems, report."""
