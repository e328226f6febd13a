"""Patterns of messages about Argo's agent, which sends the requests of HTTP and Plugin templates."""

import re
from typing import Final

from wfreport.core.classify.kubelet_messages import NETWORK_ERRORS
from wfreport.core.classify.message_patterns import message_pattern

AGENT_POD_FAILED: Final = message_pattern(r"^(?:create )?agent pod failed with reason[: ]")
"""The agent's pod, which sends the requests of HTTP and Plugin templates, failed (agent.go:54, taskset.go:108)."""

NO_PLUGIN: Final = message_pattern(r"no plugin executed the template")  # agent.go:389

HTTP_RESPONSE_ERROR: Final = message_pattern(
    r"^received non-2xx response code: |^successCondition '|^[A-Z][a-z]{2,6} \"(?!\S{1,512}/v1\w{0,9}/namespaces/)"
)
"""A response arrived, but not a successful one (agent.go); or the request itself failed, and not one to Kubernetes."""

HTTP_UNAVAILABLE: Final = message_pattern(
    r"^received non-2xx response code: (?:408|425|429|5\d\d)$|\bcontext canceled\b|" + NETWORK_ERRORS.pattern,
    re.IGNORECASE,
)
"""The service was unavailable or overloaded, or Argo's agent gave the request up, so a retry may succeed."""
