"""The functional core: frozen values in, frozen values out. No I/O, no clock, no logging.

``wire`` turns bytes into a ``Snapshot``; ``tree``, ``roles``, ``classify`` and ``summarize`` say what it means;
``render`` makes the report's status of it and of the report that is stored.
"""
