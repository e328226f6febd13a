"""Finds out whether Argo's agent, the pod that carries out HTTP and plugin steps, does its work."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.kubernetes import ContainerStatus, Pod
from wfreport.core.snapshot.pod_states import (
    ENDED_PHASES,
    all_statuses,
    failed_container,
    latest_end,
    main_statuses,
    on_machine,
    terminated,
)

_CRASHES: Final = "CrashLoopBackOff"

_MANY_RESTARTS: Final = 5
"""After so many, the pauses between them have taken five minutes."""

_PAUSE_SECONDS: Final = 300
"""The longest pause that the kubelet makes before it starts a container again: it may work well after that."""


class AgentTrouble(Struct, frozen=True):
    """Why an agent does not work.

    Attributes:
        state: the state of its pod, as the predicate of a sentence.
        since_at: when it began; None if the pod has no time of it.
        pause_seconds: how much longer than usual it must last.
    """

    state: str
    since_at: datetime | None
    pause_seconds: float = 0


def agent_trouble(agent: Pod, *, serves_plugins: bool) -> AgentTrouble | None:
    """Return why an agent does not work; None if it does, or if it may still start.

    Its containers are started again when they fail. So one that crashes is never ended for long, and has no time since
    when it does so; the plugins beside it keep its pod alive when it has ended itself. An injected sidecar matters only
    to plugins, since nothing tells it from them.
    """
    name, machine = agent.metadata.name, on_machine(agent)
    if agent.status.phase in ENDED_PHASES:
        state = f"{name} has {agent.status.phase.lower()}{machine}{failure_clause(agent)}"
        return AgentTrouble(state, latest_end(all_statuses(agent)))
    if agent.metadata.deletion_timestamp:
        return AgentTrouble(f"{name} hangs in Terminating{machine}", agent.metadata.deletion_timestamp)
    main = main_statuses(agent)
    served = agent.status.container_statuses if serves_plugins else main
    crashing = next((one for one in served if _crashes(one)), None)
    if crashing:
        state = f"{name} does not work{machine}: its container {crashing.name} crashes again and again"
        return AgentTrouble(state, None, _PAUSE_SECONDS)
    if main and all(terminated(one) for one in main):
        return AgentTrouble(f"{name} has ended{machine}{failure_clause(agent)}", latest_end(main))
    return None


def _crashes(status: ContainerStatus) -> bool:
    waiting = status.state.waiting if status.state else None
    return waiting is not None and waiting.reason == _CRASHES and status.restart_count >= _MANY_RESTARTS


def failure_clause(pod: Pod) -> str:
    """Return why a pod failed, in brackets; empty if that is unknown."""
    failed = failed_container(pod)
    if failed:
        name, state = failed
        message = f": {state.message.strip()}" if state.message.strip() else ""
        return f" ({name} exited with code {state.exit_code}{message})"
    return f" ({pod.status.reason})" if pod.status.reason else ""
