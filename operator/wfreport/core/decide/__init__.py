"""Decides what to do about a run, from its report, the policies, and earlier runs and Remediations.

history ─► selection ─► matching ─► guards ─► decision ─► enforcement

``selection`` picks the policy and ``matching`` its rule. Together they form a ``Candidate``: an action that the rule
proposes. The guards either hold the candidate or let it become a ``Decision``. The policy's mode then determines how
the decision is enforced. Everything is derived from objects in the cluster and `now`, so the same objects lead to the
same decision after a restart, on another replica, and in `wfreport simulate`.
"""
