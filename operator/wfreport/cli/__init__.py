"""The command line: a thin shell around the core.

``commands`` has a file per command, ``sources`` finds runs and objects, ``render`` prints them.
"""
