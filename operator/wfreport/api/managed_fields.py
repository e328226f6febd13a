"""The read-model of ``metadata.managedFields``: only who set ``spec.shutdown`` of a Workflow.

Argo's minimal CRDs, those of its default installation, have no schema for the spec. The API server then records
``f:spec`` as a whole, without the fields in it: its manager is whoever wrote any of them last.
"""

import msgspec


class _ManagedSpec(msgspec.Struct, frozen=True, gc=False):
    shutdown: dict[str, object] | None = msgspec.field(default=None, name="f:shutdown")


class _ManagedFieldsV1(msgspec.Struct, frozen=True, gc=False):
    spec: _ManagedSpec | None = msgspec.field(default=None, name="f:spec")


class ManagedFields(msgspec.Struct, frozen=True, gc=False):
    """``metadata.managedFields[]``: who set ``spec``, and ``spec.shutdown``; all other fields are skipped."""

    manager: str = ""
    fields: _ManagedFieldsV1 | None = msgspec.field(default=None, name="fieldsV1")

    @property
    def has_spec(self) -> bool:
        """Whether this manager set the spec, or a field in it."""
        return self.fields is not None and self.fields.spec is not None

    @property
    def has_shutdown(self) -> bool:
        """Whether this manager set ``spec.shutdown``, as far as that is recorded."""
        return self.fields is not None and self.fields.spec is not None and self.fields.spec.shutdown is not None
