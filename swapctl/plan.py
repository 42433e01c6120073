"""From a request and a place to the steps that make a swapfile: data, nothing is done here."""

from typing import NamedTuple
from uuid import UUID

from swapctl.facts import Unknown, need
from swapctl.filesystems import lookup
from swapctl.place import Place
from swapctl.text import quoted, shown
from swapctl.units import format_bytes
from swapctl.zeros import doubtful, kept

METHODS = ("auto", "write", "write-zeroes", "fallocate")


class Step(NamedTuple):
    """One step: `action` is what apply runs, `text` says it, `command` is its like in a shell."""

    action: str
    text: str
    command: str = ""


class Plan(NamedTuple):
    """How the file is made. `uuid` is 16 bytes; `size` whole pages, in bytes; `identity` is that of
    the directory that was judged, as in Place.

    `may_write` says that writing is as good where the device turns out not to zero by itself;
    `allow` names the unsafe rules that the file need not pass. `for_others` says that the caller's
    own capabilities do not count, because another process is going to activate it.
    """

    path: str
    directory: str
    identity: tuple[int, int]
    makes: str
    size: int
    method: str
    may_write: bool
    uuid: bytes
    label: str
    page_size: int
    steps: tuple[Step, ...]
    allow: tuple[str, ...]
    for_others: bool


def choose_method(place: Place, wanted: str) -> str:
    """The method for `auto`: let the device write the zeroes where it can do it by itself and is a
    disk that keeps them, else write them."""
    device, layers = place.device, place.storage
    if wanted != "auto":
        return wanted
    if device is None or isinstance(device, Unknown) or layers is None:
        return "write"
    if isinstance(layers, Unknown) or doubtful(layers):
        return "write"
    plain = all(layer.kind in ("disk", "partition") for layer in layers)
    return "write-zeroes" if plain and device.write_zeroes_unmap_max_bytes else "write"


def _writing(place: Place, path: str) -> Step:
    """Zeros where all layers below keep them; else what can be neither left out nor compressed nor
    found to be there already."""
    zeros = kept(place.mount, place.storage)
    data = "zeros" if zeros else "random data, as zeros may not be stored below"
    source = "/dev/zero" if zeros else "/dev/urandom"
    return Step(
        "write" if zeros else "write-random",
        f"write every block with {data}, past the page cache",
        f"dd if={source} of={path} bs=16M count={place.size} iflag=count_bytes,fullblock "
        "oflag=direct conv=notrunc,fsync",
    )


def make_plan(
    place: Place,
    *,
    method: str,
    uuid: bytes,
    label: str,
    allow: tuple[str, ...] = (),
    for_others: bool = False,
) -> Plan:
    """The steps for a place that passed its rules."""
    row = lookup(need(place.mount).fstype)
    path, size = quoted(place.path), place.size
    steps = []
    if place.makes:
        make = "btrfs subvolume create" if place.makes == "subvolume" else "install -d -m 0700"
        steps.append(
            Step(
                f"make-{place.makes}",
                f"make the {place.makes} {shown(place.directory)}",
                f"{make} {quoted(place.directory)}",
            )
        )
    steps.append(
        Step(
            "create",
            f"create a file in {shown(place.directory)}, mode 0600, under no name or another one",
            f"(umask 077; set -C; : > {path})",
        )
    )
    if row is not None and row.recipe == "nocow":
        steps.append(
            Step("nocow", "switch copy-on-write off, while it is empty", f"chattr +C {path}")
        )
    allocate = f"fallocate -l {size} {path}"
    if row is not None and row.recipe == "pin":
        section = format_bytes(need(place.section))
        steps += [
            Step(
                "pin", "pin it, while it is empty, to whole sections", f"f2fs_io pinfile set {path}"
            ),
            Step(
                "allocate-sections",
                f"allocate {format_bytes(size)} in whole sections of {section}",
                allocate,
            ),
        ]
    else:
        steps.append(Step("allocate", f"allocate {format_bytes(size)} in one go", allocate))
    chosen = choose_method(place, method)
    if chosen == "write":
        steps.append(_writing(place, path))
    elif chosen == "write-zeroes":
        steps.append(
            Step(
                "write-zeroes",
                "have the device write zeros to every block (FALLOC_FL_WRITE_ZEROES)",
                f"fallocate --write-zeroes -l {size} {path}",
            )
        )
    options = f" -U {UUID(bytes=uuid)}" + (f" -L {quoted(label)}" if label else "")
    steps += [
        Step("header", "write the swap header", f"mkswap{options} {path}"),
        Step("sync", "wait until all of it is on the disk", f"sync {path}"),
        Step("verify", "look at it with the rules of check", f"swapctl check {path}"),
        Step("publish", f"give it its name, {shown(place.path)}, unless that is taken"),
    ]
    return Plan(
        path=place.path,
        directory=place.directory,
        identity=place.identity,
        makes=place.makes,
        size=size,
        method=chosen,
        may_write=method == "auto",
        uuid=uuid,
        label=label,
        page_size=place.host.page_size,
        steps=tuple(steps),
        allow=allow,
        for_others=for_others,
    )
