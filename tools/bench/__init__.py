"""Measures the cost of operators on one machine: wfreport beside the operator that a newcomer to kopf would write.

`python -m bench`; the method is in docs/reference/benchmark.md.
"""
