"""Remediation: from a report and the policies of its namespace to actions, and to the records of what they achieved.

``core.decide`` decides whether an action is due, ``core.plan`` what it changes. This package does the I/O: it gathers
the live state, writes the intent, performs the action and records its result. Each action is one module of
``actions``, with one interface (``actions.base.ActionHandler``).
"""
