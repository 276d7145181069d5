"""What the processes runtime can do, what it refuses and why, and what one must know of it."""

from __future__ import annotations

from everup.model.runtime import Capability, RuntimeManifest

NAME = "processes"

NO_NAMES = "a process is found by its port, which nobody else can answer on"
_REFUSED = {
    Capability.PIN_IMAGE: "a process has no image; its program is a file that its owner installs",
    Capability.UNPIN_IMAGE: "nothing can have been pinned",
    Capability.ISOLATE: "processes of one host share its network; nothing here can cut one off",
    Capability.REJOIN: "nothing can have been isolated",
    Capability.FAILOVER: NO_NAMES,
    Capability.FAILBACK: NO_NAMES,
}

CPUS_REFUSED = (
    "the kernel limits processors for groups of processes that this runtime does not make"
)

MANIFEST = RuntimeManifest(
    name=NAME,
    capabilities=frozenset(Capability) - _REFUSED.keys(),
    why_not=_REFUSED,
    needs_declared={Capability.RECREATE: "releases"},
    exempt={
        "who_is_named_leaves_first": "ports go by number, so the highest one always leaves first"
    },
    notes={
        "set_instances": "Instances leave from the highest number, also where another one is sick: "
        "ports go by it.",
        "lives": "Instances have sessions of their own and outlive Everup. A supervisor that ends "
        "Everup's whole group ends them too: under systemd set KillMode=process.",
        "adoption": "After a restart of Everup they are known by boot id, pid, start time and a "
        "mark in their environment. The exit code of an adopted one cannot be read.",
        "memory_limit": "Enforced by looking every second while Everup runs: an instance above its "
        "limit is killed and its exit says so. Fast growth can overshoot in between.",
        "memory": "Private memory of all processes of the instance, plus their largest shared part "
        "once.",
        "cpus": f"limits.cpus is not enforced: {CPUS_REFUSED}.",
        "io": "Bytes to and from block devices; unknown for other accounts unless run as root.",
        "accept_queue": "Of the listening TCP sockets on the instance's declared port.",
        "stop": "The signal goes to the main process; what it leaves behind gets SIGTERM, then "
        "SIGKILL where a kill is allowed.",
        "evidence": "From /proc alone: the process is neither asked nor stopped. Kernel stacks and "
        "other accounts' files need root.",
        "files": "Those that `config_files` names: a file written in place, the changed one kept "
        "beside it; of a folder in Everup's state folder.",
        "recreate": "For services that declare releases: the present one, in a fresh working area. "
        "Releases and their link are never changed; others are refused, since restart is as fresh.",
        "quarantine": "All processes are stopped (SIGSTOP), their TCP sockets shut from outside; "
        "it needs Linux 5.6 and the right to trace them. File locks, Unix sockets and datagram "
        "ports stay theirs. Refused while the host is short of memory.",
        "release": "Gives back memory limits that Everup changed; one that is needed stays. Ends "
        "what is kept aside.",
        "logs": "Standard output and error together, kept to some megabytes per instance.",
        "capture": "Holds the values of `env`, which may be secrets.",
    },
)
