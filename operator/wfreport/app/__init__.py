"""Composes the operator from its settings.

The two slowest imports of the start are made here, before any module of this package makes them.
"""

from wfreport.imports import without

with without("kubernetes", "kubernetes.client", "kubernetes_asyncio", "pykube"):
    import kopf as kopf

with without("requests"):
    from wfreport.core.redact import tokens as tokens
