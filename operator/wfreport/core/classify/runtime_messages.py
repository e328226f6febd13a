"""Messages of container runtimes, for nodes whose message is that of the runtime alone.

Before Argo 3 the message of a node is the container's, without reason and exit code. Since then these words follow a
reason such as StartError, which the rules about the pod evaluate.

Sources: runc (libcontainer), crun, containerd, CRI-O, docker and dockershim, and the NVIDIA container toolkit.
"""

import re
from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.kubelet_messages import EXECUTOR_MISSING, STARTUP_ERRORS
from wfreport.core.classify.message_patterns import message_pattern
from wfreport.core.classify.refusals import RefusalMessage

_RUNTIME: Final = (
    r"^(?:Error: )?(?:failed to load artifacts: |failed to save outputs: )?(?:rpc error: code = \w{1,40} desc = )?"
    r"(?:(?:OCI|oci) runtime (?:\w{1,20} )?(?:error|failed)|Error response from daemon: |"
    r"failed to (?:create|start) (?:containerd |sandbox )?(?:task|container|shim)\b|"
    r"failed to generate container\b|failed to get sandbox|"
    r"[Cc]ontainer create failed: |crun: |runc (?:create|run|did)|(?:linux spec user: )?unable to find user|"
    r"(?:error: )?no command specified|stat failed on /|error gathering device|error while creating mount source path|"
    r"container_linux\.go:|starting container process caused)"
)
"""Starts of what a runtime tells. A program may print the same in the midst of a text, but hardly begins with it."""

_OF_THE_MACHINE: Final = (
    r"mountpoint for cgroup not found|cgroupsPath to be of format|seccomp (?:is )?not supported|"
    r"seccomp: config provided but|adding seccomp filter rule|apparmor_parser|apparmor failed to apply|"
    r"cannot enter cgroupv2|nsexec|unknown or invalid runtime|no runtime for |no such runtime|kmem\.limit_in_bytes|"
    r"not a shared mount|through procfd: operation not permitted"
)
"""The machine's kernel, or the settings of its runtime, do not fit."""

RUNTIME_REFUSALS: Final = (
    RefusalMessage(
        message_pattern(_RUNTIME + r".{0,2000}?(?:" + EXECUTOR_MISSING.pattern + ")", re.DOTALL),
        Class.CONFIG_ERROR,
        "CommandNotFound",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(_RUNTIME + r".{0,2000}?(?:" + _OF_THE_MACHINE + ")", re.DOTALL),
        Class.CONFIG_ERROR,
        "ContainerCannotRun",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            _RUNTIME + r".{0,2000}?(?:" + STARTUP_ERRORS.pattern + ")|"
            r"^(?:Error: )?(?:failed to reserve \w+ name|failed to (?:prepare subPath|create subPath directory))|"
            r"^devmapper: Thin Pool has|(?:^|: )(?:no space left on device|disk quota exceeded)$",
            re.DOTALL,
        ),
        Class.CONFIG_ERROR,
        "ContainerCannotRun",
        Owner.INFRASTRUCTURE,
        retryable=True,
    ),
    RefusalMessage(
        message_pattern(
            _RUNTIME + r".{0,2000}?(?:executable file (?:`[^`]{1,300}` )?not found|"
            r"exec: \W{0,8}[^\"\\]{1,300}\W{1,8}: stat .{1,400}: no such file or directory)",
            re.DOTALL,
        ),
        Class.CONFIG_ERROR,
        "CommandNotFound",
    ),
    RefusalMessage(
        message_pattern(
            _RUNTIME + r".{0,2000}?(?:exec: .{1,400}: (?:is a directory|permission denied)|"
            r"open executable: Permission denied)",
            re.DOTALL,
        ),
        Class.CONFIG_ERROR,
        "CommandNotStarted",
    ),
    RefusalMessage(
        message_pattern(_RUNTIME + r".{0,2000}?exec format error", re.DOTALL), Class.CONFIG_ERROR, "ExecFormatError"
    ),
    RefusalMessage(message_pattern(_RUNTIME), Class.CONFIG_ERROR, "ContainerCannotRun"),
)
"""A container that could not be started: by the machine, for its command, its user, or what is mounted into it."""
