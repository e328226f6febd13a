"""What policies make the operator do: gather, decide (core), write the intent, act, write the outcome.

Each act is one module with one interface (``base.Act``). Nothing here decides: what is to be done is
``core.decide``'s to say, and how it is done ``core.remedy``'s.
"""
