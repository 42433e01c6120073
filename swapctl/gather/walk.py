"""Walk down from the device below a candidate to what carries it: hardware, network, a process.

Where a layer keeps blocks in place the candidate's own ranges are followed, else the whole device
below is meant. What two ways lead to is looked at for each of them.
"""

import os
import stat

from swapctl.gather.ranges import Below, Ranges, add, cut, moved, spans
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import sysblock
from swapctl.linux.sysblock import Entry
from swapctl.storage_facts import Layer, MapperState
from swapctl.unknown import Unknown

MOST_DEEP = 32
MOST_LAYERS = 200


class Walk:
    """The layers that were found so far, and the devices above the one that is looked at.

    `root` stands for / in tests with directories in the place of sysfs.
    """

    def __init__(self, root: str = "/") -> None:
        self.layers: list[Layer] = []
        # Where the candidate is in the files that carry it, by the index of their layer.
        self.carried: dict[int, Ranges] = {}
        self._root = root
        self._above: list[str] = []
        self._depth = 0

    def visit(self, number: str, ranges: Ranges | None) -> None:
        """Take in the device and all below it; `ranges` are where on it the candidate is, None for
        all of it."""
        name = f"device {number}"
        if number in self._above:
            self._add(Layer(self._depth, "cycle", name, number, 0, False))
            return
        found = attempt(name, lambda: self._layer(number, ranges))
        if isinstance(found, Unknown):
            self._add(Layer(self._depth, "unknown", name, number, 0, False, lacks=found))
            return
        one, ranges, layer = found
        at = self._add(layer)
        if self._depth >= MOST_DEEP or at >= MOST_LAYERS:
            self._lacks(at, Unknown(f"storage below {one.name}", "too many layers"))
            return
        self._above.append(number)
        self._depth += 1
        try:
            self._look_into(at, one, ranges)
        finally:
            self._depth -= 1
            self._above.pop()

    def _add(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1

    def _lacks(self, at: int, lacks: Unknown) -> None:
        self.layers[at] = self.layers[at]._replace(lacks=lacks)

    def _layer(self, number: str, ranges: Ranges | None) -> tuple[Entry, Ranges | None, Layer]:
        one = sysblock.entry(number, self._root)
        if ranges is None and sysblock.layered(one):
            ranges = [(0, one.size)]
        layer = Layer(
            depth=self._depth,
            kind=one.kind,
            name=one.name,
            number=number,
            size=one.size,
            read_only=one.read_only,
            part=None if ranges is None else spans(ranges),
            attributes=sysblock.attributes(one),
        )
        return one, ranges, layer

    def _look_into(self, at: int, one: Entry, ranges: Ranges | None) -> None:
        if one.kind == "partition":
            disk = attempt("disk", lambda: sysblock.disk_number(one))
            inside = None if ranges is None else moved(ranges, one.start)
            self._visit_all(at, disk if isinstance(disk, Unknown) else {disk: inside})
            return
        known = ranges or []
        if one.kind == "loop":
            self._loop(at, one, known)
        elif one.kind == "dm":
            self._mapper(at, one, known)
        elif one.kind == "md":
            self._array(at, one, known)
        elif one.kind == "nbd":
            from swapctl.gather import server

            found = attempt(f"server of {one.name}", lambda: server.of_nbd(one, self._root))
            self.layers[at] = self.layers[at]._replace(server=found)
        elif one.kind == "zram":
            self._visit_all(at, attempt("backing device", lambda: self._compressed(one)))
        else:
            self._visit_all(at, self._whole(one))

    def _visit_all(self, at: int, below: Below | Unknown) -> None:
        if isinstance(below, Unknown):
            self._lacks(at, below)
            return
        for number, ranges in below.items():
            self.visit(number, ranges)

    def _whole(self, one: Entry) -> Below | Unknown:
        return attempt(f"devices below {one.name}", lambda: dict.fromkeys(sysblock.below(one)))

    def _loop(self, at: int, one: Entry, ranges: Ranges) -> None:
        from swapctl.gather import backing

        found = backing.look(one, ranges, self._depth, self._root)
        self.layers[at] = self.layers[at]._replace(loop=found.state, lacks=found.lacks)
        if found.layer is None:
            self._visit_all(at, found.below)
            return
        below_at = self._add(found.layer)
        if found.inside is not None:
            self.carried[below_at] = found.inside
        self._depth += 1
        try:
            self._visit_all(below_at, found.below)
        finally:
            self._depth -= 1

    def _mapper(self, at: int, one: Entry, ranges: Ranges) -> None:
        from swapctl.gather import below_mapper
        from swapctl.linux import dm

        def state() -> MapperState:
            return MapperState(dm.name(one), dm.uuid(one), dm.suspended(one), ())

        found = attempt(f"state of {one.name}", state)
        if isinstance(found, Unknown):
            self._lacks(at, found)
            return
        table = attempt(f"table of {one.name}", lambda: dm.targets(one, self._root))
        kind = "dm"
        if not isinstance(table, Unknown):
            table = tuple(t for t in table if cut(ranges, t.offset, t.length))
            kinds = {t.type for t in table}
            kind = f"dm-{kinds.pop()}" if len(kinds) == 1 else "dm"
        found = found._replace(targets=table)
        self.layers[at] = self.layers[at]._replace(kind=kind, mapper=found)
        whole = self._whole(one)
        if isinstance(table, Unknown) or isinstance(whole, Unknown):
            self._visit_all(at, whole)
            return
        below: Below = {}
        for target in table:
            places = below_mapper.of_target(target, ranges)
            for number, inside in (whole if places is None else places).items():
                add(below, number, inside)
        self._visit_all(at, below)

    def _array(self, at: int, one: Entry, ranges: Ranges) -> None:
        from swapctl.gather import below_mapper
        from swapctl.linux import md

        state = attempt(f"state of {one.name}", lambda: md.state(one))
        if isinstance(state, Unknown):
            self._lacks(at, state)
            return
        self.layers[at] = self.layers[at]._replace(kind=f"md-{state.level}", array=state)
        below = attempt(
            f"members of {one.name}",
            lambda: below_mapper.of_array(state.level, md.chunk(one), md.members(one), ranges),
        )
        self._visit_all(at, self._whole(one) if below is None else below)

    def _compressed(self, one: Entry) -> Below:
        """zram may move what it cannot compress to a device."""
        path = sysblock.text(f"{one.directory}/backing_dev", "none")
        if not path.startswith("/"):
            return {}
        status = os.stat(path)
        return {device_number(status.st_rdev): None} if stat.S_ISBLK(status.st_mode) else {}
