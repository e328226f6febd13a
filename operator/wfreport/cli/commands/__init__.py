"""The commands, one file each.

Most of them import msgspec. It is imported here without typing_extensions, which takes as long to import as msgspec
itself and offers it nothing that Python lacks.
"""

from wfreport.imports import unavailable

with unavailable("typing_extensions"):
    import msgspec as msgspec
