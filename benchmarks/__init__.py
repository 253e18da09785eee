"""Measurements of docs/performance.md."""
