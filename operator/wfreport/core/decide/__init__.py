"""What is to be done about a run: from its report, the policies, and what was done before.

history ─► selection ─► matching ─► guards ─► decision ─► course

Which policy, which rule, whether something speaks against it, and then, by the policy's mode, what is done with that.
Everything is derived from objects in the cluster and `now`, so the same objects give the same decision, after a
restart, on another replica, and in `wfreport simulate`.
"""
