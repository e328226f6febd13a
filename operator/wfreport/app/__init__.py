"""Composes the operator from its settings.

kopf, the slowest import of the start, is imported here, before any module of this package imports it.
"""

from wfreport.imports import without

with without("kubernetes", "kubernetes.client", "kubernetes_asyncio", "pykube"):
    import kopf as kopf
