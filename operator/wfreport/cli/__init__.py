"""The command line: a thin shell around the core.

Each command imports what it needs when it runs, so that ``explain`` starts at once.
"""
