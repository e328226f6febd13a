"""Composes the operator from its settings.

kopf, the slowest import of the start, is imported here, before any module of this package imports it.
With it comes aiohttp. Every connection of the operator has a context of its own for TLS.
"""

from wfreport.imports import without, without_authorities

with without("kubernetes", "kubernetes.client", "kubernetes_asyncio", "pykube"), without_authorities():
    import kopf as kopf
