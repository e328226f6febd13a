"""The functional core: frozen values in, frozen values out; no I/O, no clock, no logging.

``redact`` makes text safe, ``snapshot`` decodes a Workflow, ``classify`` explains its failures, ``timing`` measures the
run, and ``render`` makes the report's status from these and the stored report. ``decide`` selects actions by policy,
``plan`` computes the changes of an action, and ``record`` describes it in Remediations and policies.
"""
