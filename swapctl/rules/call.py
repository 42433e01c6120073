"""Rules about the swapon(2) call itself: who asks, and whether the kernel has room."""

from collections.abc import Iterator

from swapctl.facts import LEAST_MAX_AREAS, Snapshot, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import active_area, swappable


def always(_: Snapshot) -> bool:
    """Applies to every candidate."""
    return True


@rule("kernel-without-swap", Severity.REFUSED, stage=Stage.CALLER, when=always)
def kernel_without_swap(s: Snapshot) -> Iterator[Violation]:
    """The kernel was built without swap.

    There is no swapon(2) in this kernel, so nothing can be activated.

    Fix: boot a kernel with CONFIG_SWAP=y.

    Source: CONFIG_SWAP in init/Kconfig; /proc/swaps exists only with it.
    """
    if not need(s.host.swap_supported):
        yield Violation(
            (Evidence("/proc/swaps", False, "missing", "/proc"),),
            Fix("Boot a kernel that has CONFIG_SWAP=y."),
            errno="ENOSYS",
        )


@rule("caller-capability", Severity.REFUSED, stage=Stage.CALLER, when=always)
def caller_capability(s: Snapshot) -> Iterator[Violation]:
    """The caller may not activate swap.

    swapon(2) wants CAP_SYS_ADMIN in the first user namespace; root inside a container or a user
    namespace does not have it, whatever the file looks like.

    For an ordinary user the question stays open (undecided), since the same file may well be
    activated by root.

    Fix: run it on the host, as root, outside of containers.

    Source: capable(CAP_SYS_ADMIN) in SYSCALL_DEFINE2(swapon), mm/swapfile.c; user_namespaces(7).
    """
    caller = need(s.caller)
    if caller.sys_admin and caller.initial_user_namespace:
        return
    if caller.uid != 0 and caller.initial_user_namespace:
        need(Unknown("CAP_SYS_ADMIN", "not root: only root can activate swap"))
    where = "first" if caller.initial_user_namespace else "not the first one"
    yield Violation(
        (
            Evidence(
                "CAP_SYS_ADMIN",
                caller.sys_admin,
                "effective" if caller.sys_admin else "not effective",
                "/proc/self/status",
            ),
            Evidence("user namespace", caller.initial_user_namespace, where, "/proc/self/uid_map"),
        ),
        Fix("Activate the area on the host itself, as root with all capabilities."),
        errno="EPERM",
    )


@rule("areas-exhausted", Severity.REFUSED, stage=Stage.AREAS, when=always)
def areas_exhausted(s: Snapshot) -> Iterator[Violation]:
    """All swap areas that the kernel can have are in use.

    The number of areas is fixed when the kernel is built; the answer to one more is EPERM, which
    looks like a missing permission and is none.

    Fix: deactivate an area that is not needed.

    Source: MAX_SWAPFILES in include/linux/swap.h; alloc_swap_info() in mm/swapfile.c.
    """
    areas = need(s.areas)
    if len(areas) < LEAST_MAX_AREAS or (need(s.file) and active_area(s)):
        return
    limit = need(s.host.max_areas)
    if len(areas) >= limit:
        yield Violation(
            (
                Evidence("active areas", len(areas), f"{len(areas)}", "/proc/swaps"),
                Evidence("limit", limit, f"{limit}", "kernel configuration"),
            ),
            Fix("Deactivate one area first:", ("swapctl status", "swapctl off AREA")),
            errno="EPERM",
        )


@rule("area-active", Severity.NOTE, when=swappable)
def area_active(s: Snapshot) -> Iterator[Violation]:
    """The area is active now.

    It is judged as a file all the same; a second swapon(2) of it would answer EBUSY. While it is
    active the file cannot be written, truncated, renamed or removed.

    Fix: none needed.

    Source: the IS_SWAPFILE test in SYSCALL_DEFINE2(swapon), mm/swapfile.c.
    """
    area = active_area(s)
    if area:
        yield Violation(
            (Evidence("area", area.path, f"{area.path}, priority {area.priority}", "/proc/swaps"),),
            Fix("None needed."),
        )
