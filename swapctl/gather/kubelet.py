"""The agent of Kubernetes on this machine: whether active swap keeps it from starting.

Flags count more than the file of its configuration (kubelet(1)); both are read as the running
process has them, else as kubeadm leaves them. Only plain forms of YAML and shell are understood.
"""

import os
from collections.abc import Iterable

from swapctl.facts import Unknown
from swapctl.gather.reading import small_file
from swapctl.linux.files import read_bytes, under
from swapctl.setup_facts import Kubelet

DIRECTORY = "/var/lib/kubelet"
CONFIG = f"{DIRECTORY}/config.yaml"
# What the unit that kubeadm installs takes its flags from.
FLAGS = (f"{DIRECTORY}/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet")
_GROUPS = ("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice")
_FLAG = "--fail-swap-on"
_KEY = "failSwapOn"
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
# What strconv.ParseBool of Go takes, by which flags are read.
_FLAG_VALUES = {"1": True, "t": True, "T": True, "0": False, "f": False, "F": False} | {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
}


def _lacking(reason: str) -> Unknown:
    return Unknown(f"kubelet's {_KEY}", reason)


def in_configuration(text: str, name: str) -> bool | Unknown:
    """The key of a KubeletConfiguration in YAML, true where it is missing. Unknown for what is not
    on a line of its own, at the top, with one of the plain values."""
    found = []
    for line in text.split("\n"):
        plain = line.partition(" #")[0].rstrip()
        if _KEY not in plain or plain.startswith("#"):
            continue
        key, _, value = plain.partition(":")
        value = value.strip()
        if key.strip("\"' ") != _KEY or key[0] == " " or value not in (*_TRUE, *_FALSE):
            return _lacking(f"{name} has it in a form that is not understood")
        found.append(value in _TRUE)
    if len(found) > 1:
        return _lacking(f"{name} has it more than once")
    if not found and "kind: KubeletConfiguration" not in text:
        return _lacking(f"{name} is not in a form that is understood")
    return found[0] if found else True


def in_flags(words: Iterable[str]) -> bool | Unknown | None:
    """The flag among the words of a command line, None without it; the last one counts."""
    found: bool | Unknown | None = None
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == _FLAG:
            wrong = _lacking(f"{_FLAG} has a value that is not understood")
            found = _FLAG_VALUES.get(value, wrong) if equals else True
    return found


def _value(words: list[str], flag: str) -> str | None:
    """The value of another flag, --flag=value or --flag value."""
    found = None
    for word, following in zip(words, [*words[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name == flag:
            found = value if equals else following
    return found


def _command_line(root: str) -> list[str] | None:
    """The words of the running kubelet of the service of that name, None where it does not run."""
    for group in _GROUPS:
        try:
            pids = read_bytes(under(root, f"{group}/kubelet.service/cgroup.procs")).split()
        except OSError:
            continue
        for pid in pids:
            try:
                line = read_bytes(under(root, f"proc/{int(pid)}/cmdline"))
            except (OSError, ValueError):
                continue
            words = line.decode("utf-8", "surrogateescape").split("\0")
            if os.path.basename(words[0]) == "kubelet":
                return words
    return None


def _written_flags(root: str) -> list[str]:
    """The words of the files of flags."""
    words: list[str] = []
    for name in FLAGS:
        for line in (small_file(under(root, name)) or "").split("\n"):
            _, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith("#"):
                words += value.strip().strip("\"'").split()
    return words


def kubelet(root: str = "/") -> Kubelet | None:
    """None where there is none. Raises OSError for files that cannot be read."""
    if not os.path.isdir(under(root, DIRECTORY)):
        return None
    running = _command_line(root)
    words = _written_flags(root) if running is None else running
    flag = in_flags(words)
    if flag is not None:
        return Kubelet(flag, _FLAG if running is None else f"{_FLAG} of the running kubelet")
    name = _value(words, "--config") or CONFIG
    text = small_file(under(root, name))
    if text is None:
        # A directory that is left, or a kubelet that is given nothing but flags.
        return Kubelet(True, "default") if running else None
    if _value(words, "--config-dir"):
        return Kubelet(_lacking("--config-dir has further files"), name)
    return Kubelet(in_configuration(text, name), name)
