"""wfreport: one readable report per Argo Workflow run.

The path, and the order of the modules that make it:

    watch ─► queue ─► fetch ─► snapshot ─► classify ─► summarize ─► render ─► write the report's status

``api`` holds the words, ``core`` decides (pure), ``kube`` talks to the API server, the rest wires them together.
"""
