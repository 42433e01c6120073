"""All that is said of a place: its own rules, and those that a file there could not pass."""

from swapctl.facts import File, Mount, Opening, Snapshot, need
from swapctl.filesystems import lookup
from swapctl.place import Place
from swapctl.rules import collect, in_the_way, network, network_links, nfs, nfs_transport, security
from swapctl.rules.catalogue import PLACE_RULES
from swapctl.rules.engine import Outcome, evaluate

FILE_RULES = (
    *collect(nfs, nfs_transport, network, network_links),
    security.file_mode,
    security.file_owner,
)


def _mode_and_owner(mount: Mount) -> tuple[int, int, int]:
    """The mode, uid and gid that the new file will have."""
    row = lookup(mount.fstype)
    if row is None or not row.masked:
        return 0o600, 0, 0
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    mode = 0o777 & ~int(options.get("fmask", "0"), 8)
    return mode, int(options.get("uid", "0")), int(options.get("gid", "0"))


def future(place: Place) -> Snapshot:
    """The file as prepare would leave it, so far as these rules look at it."""
    mount = need(place.mount)
    mode, uid, gid = _mode_and_owner(mount)
    file = File(
        kind="regular",
        device=mount.device,
        inode=0,
        size=place.size,
        blocks_512=place.size // 512,
        mode=mode,
        uid=uid,
        gid=gid,
        links=1,
        special=None,
        unlinked=False,
        mount_id=mount.mount_id,
        attributes=(),
        flags=(),
        xflags=(),
        acl=(),
    )
    return Snapshot(
        path=place.path,
        resolved=place.path,
        lookup=None,
        host=place.host,
        caller=place.caller,
        opening=Opening(None, "to be made"),
        file=file,
        ancestors=place.ancestors,
        mount=mount,
        filesystem=place.filesystem,
        extents=None,
        header=None,
        btrfs=None,
        device=None,
        areas=(),
        blocks=None,
        network=place.network,
        f2fs=None,
        mechanism=None,
        storage=None,
    )


def judge_place(place: Place, allowed: tuple[str, ...]) -> Outcome:
    """What keeps a swapfile from being made here; the same place gives the same answer.

    A mount that would make it unsafe is known before anything is written. What the rules about
    files cannot decide yet does not stop it: the verdict on the file will say so.
    """
    outcome = evaluate(PLACE_RULES, place)
    if outcome.findings or outcome.undecided:
        return outcome
    expected = evaluate(FILE_RULES, future(place))
    return outcome._replace(findings=in_the_way(expected, allowed))
