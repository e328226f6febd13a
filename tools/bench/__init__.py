"""What an operator costs: wfreport and the operator that a newcomer would write, measured on one machine.

`python -m bench`; the method is in docs/reference/benchmark.md.
"""
