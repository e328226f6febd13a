"""Names the objects behind a pod's volumes: the scheduler's and the kubelet's messages have the volume, if that.

The clause that is added to such a message is read back where next steps are chosen.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.kubernetes import Pod, Volume, VolumeSource
from wfreport.core.classify.named_objects import CLAIM, find_missing, find_missing_key
from wfreport.core.classify.pending import is_vague_about_volumes
from wfreport.imports import lazy_pattern

_MAX_NAMED: Final = 5
_READ_CHARACTERS: Final = 4096
_ABOUT_A_VOLUME: Final = lazy_pattern(
    r"(?i)persistentvolumeclaim|volume node affinity conflict|(?:Attach|Mount|Map)Volume|Multi-Attach|"
    r"unmounted volumes=|non-existent (?:secret|config) key"
)
_VOLUMES: Final = lazy_pattern(r"volume \"([^\"\n]{1,253})\"|unmounted volumes=\[([^\]\n]{1,1024})\]")


class MountedObject(Struct, frozen=True):
    """An object that a pod mounts.

    Attributes:
        volume: name of the pod's volume.
        kind: kind of the object.
        name: its name.
        keys: the keys of it that are asked for; empty for all.
    """

    volume: str
    kind: str
    name: str
    keys: Sequence[str] = ()


def volume_clause(message: str, pod: Pod | None) -> str:
    """Return a clause that names the objects which a message about volumes does not; empty if none is known."""
    text = message[:_READ_CHARACTERS]
    if pod is None or not pod.spec.volumes or not _ABOUT_A_VOLUME.search(text) or find_missing(text):
        return ""
    mounted = _meant(text, list(_mounted(pod)), {volume.name for volume in pod.spec.volumes})
    missing = find_missing_key(text)
    if missing is None:
        claims = _claims_clause([one.name for one in mounted if one.kind == CLAIM])
        return claims or (_objects_clause(mounted) if is_vague_about_volumes(text) else "")
    kind, key = missing
    holders = [one for one in mounted if one.kind == kind and (not one.keys or key in one.keys)]
    return _keys_clause(holders[0]) if len(holders) == 1 else ""


def _meant(text: str, mounted: list[MountedObject], volumes: set[str]) -> list[MountedObject]:
    """Return what the named volumes mount; all if the message names none of the pod's, as that of the disk's driver."""
    found = {name for match in _VOLUMES.finditer(text) for name in (match[1] or match[2]).split(" ")}
    named = found & volumes
    return [one for one in mounted if one.volume in named] if named else mounted


def _claims_clause(claims: Sequence[str]) -> str:
    names = list(dict.fromkeys(claims))
    if not names:
        return ""
    return f"; {CLAIM}{'s' if len(names) > 1 else ''} of the pod: {', '.join(names[:_MAX_NAMED])}"


def _objects_clause(mounted: Sequence[MountedObject]) -> str:
    """Return what the volumes are that the kubelet only lists; one of projected sources has several objects."""
    named = [f"volume {one.volume} mounts {one.kind} {one.name}" for one in mounted if one.name]
    return "".join(f"; {text}" for text in dict.fromkeys(named[:_MAX_NAMED]))


def _keys_clause(holder: MountedObject) -> str:
    keys = ", ".join(holder.keys[:_MAX_NAMED])
    asked = f" asks for {'key' if len(holder.keys) == 1 else 'keys'} {keys}" if keys else " asks for all keys"
    return f"; volume {holder.volume}{asked} of {holder.kind} {holder.name}"


def _mounted(pod: Pod) -> Iterator[MountedObject]:
    for volume in pod.spec.volumes:
        yield from _claims(volume, pod.metadata.name)
        yield from _with_keys(volume.name, volume.secret, volume.config_map)
        for source in volume.projected.sources if volume.projected else ():
            yield from _with_keys(volume.name, source.secret, source.config_map)


def _claims(volume: Volume, pod_name: str) -> Iterator[MountedObject]:
    if volume.persistent_volume_claim:
        yield MountedObject(volume.name, CLAIM, volume.persistent_volume_claim.claim_name)
    if volume.ephemeral is not None:
        yield MountedObject(volume.name, CLAIM, f"{pod_name}-{volume.name}")


def _with_keys(volume: str, secret: VolumeSource | None, config_map: VolumeSource | None) -> Iterator[MountedObject]:
    for kind, source in (("Secret", secret), ("ConfigMap", config_map)):
        if source:
            keys = [item.key for item in source.items]
            yield MountedObject(volume, kind, source.secret_name or source.name, keys)
