"""All that is said of a place: its own rules, and those of the server that a file would be on."""

from swapctl.facts import File, Opening, Snapshot, need
from swapctl.place import Place
from swapctl.rules import collect, in_the_way, network, network_links, nfs, nfs_transport
from swapctl.rules.catalogue import PLACE_RULES
from swapctl.rules.engine import Outcome, evaluate

SERVER_RULES = collect(nfs, nfs_transport, network, network_links)


def future(place: Place) -> Snapshot:
    """The file as prepare would leave it, so far as the rules about servers look at it."""
    mount = need(place.mount)
    file = File(
        kind="regular",
        device=mount.device,
        inode=0,
        size=place.size,
        blocks_512=place.size // 512,
        mode=0o600,
        uid=0,
        gid=0,
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
    )


def judge_place(place: Place, allowed: tuple[str, ...]) -> Outcome:
    """What keeps a swapfile from being made here; the same place gives the same answer.

    A mount that would make it unsafe is known before anything is written. What the rules about
    servers cannot decide does not stop it: the verdict on the file will say so.
    """
    outcome = evaluate(PLACE_RULES, place)
    if not place.network or outcome.findings or outcome.undecided:
        return outcome
    expected = evaluate(SERVER_RULES, future(place))
    return outcome._replace(findings=in_the_way(expected, allowed))
