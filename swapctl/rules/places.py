"""All that is said of a place: its own rules, and those that a file there could not pass."""

from swapctl.facts import File, Mount, Opening, Snapshot, need
from swapctl.filesystems import lookup
from swapctl.place import Entering, Place
from swapctl.rules import in_the_way, rules_of, security
from swapctl.rules.catalogue import BELOW_RULES, ENTERING_RULES, PLACE_RULES
from swapctl.rules.engine import Outcome, evaluate, merged
from swapctl.rules.index import SUBJECTS

_SUBJECTS = ("nfs", "network", "storage")
FILE_RULES = (
    *(r for s in SUBJECTS if s.module.partition("_")[0] in _SUBJECTS for r in rules_of(s)),
    security.file_mode,
    security.file_owner,
)

# What is not there yet under the file is there when all of it has been written; so these say
# nothing of a place, only of its product. All other layers stay what they are.
MENDED_BY_WRITING = frozenset(
    {"storage-loop-holes", "storage-loop-unwritten", "storage-loop-shared"}
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
        storage=place.storage,
        openers=(),
    )


def judge_place(place: Place, allowed: tuple[str, ...]) -> Outcome:
    """What keeps a swapfile from being made here; the same place gives the same answer.

    A mount, or a layer below, that would make it unsafe is known before anything is written. What
    the rules about files cannot decide yet does not stop it, nor does what writing mends: the
    verdict on the file will say so.
    """
    outcome = evaluate(PLACE_RULES, place)
    if outcome.findings or outcome.undecided:
        return outcome
    file = future(place)
    expected = merged(
        (
            evaluate(BELOW_RULES, place),
            evaluate((r for r in FILE_RULES if r.id not in MENDED_BY_WRITING), file),
            evaluate(ENTERING_RULES, Entering(file, place.discard)),
        )
    )
    return outcome._replace(findings=in_the_way(expected, allowed))
