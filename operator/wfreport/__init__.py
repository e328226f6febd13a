"""wfreport: one readable report per Argo Workflow run.

The stages of a reconcile:

    watch ─► queue ─► fetch ─► snapshot ─► classify ─► summarize ─► render ─► write the report's status

``watch`` and ``runtime`` implement watch and queue, ``evidence`` fetches, ``core`` has the pure functions from snapshot
to render, ``reconcile`` connects them, and ``remediation`` acts on the result. ``api`` defines the kinds and reasons;
``kube`` and ``argoserver`` are the clients. A map of all packages: docs/explanation/architecture.md.
"""
