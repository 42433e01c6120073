"""How swapon(2) goes through a file on f2fs: check_swap_activate(), fs/f2fs/data.c."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from swapctl.f2fs_facts import F2fsWalk
from swapctl.linux.f2fs import Superblock
from swapctl.linux.fiemap import FIEMAP_EXTENT_DELALLOC, FIEMAP_EXTENT_UNWRITTEN, Row

HOLE = -1
# Allocated, but not yet given a place; FIEMAP shows physical 0.
UNPLACED = -2
_UNPLACED_FLAGS = FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DELALLOC


class _Piece(NamedTuple):
    """[start, start + length) of the file lies at `at`, or is a HOLE, or is UNPLACED."""

    start: int
    length: int
    at: int

    def rest(self, position: int) -> "_Piece":
        """What is left of it from `position` on."""
        gone = position - self.start
        return _Piece(position, self.length - gone, self.at + gone if self.at >= 0 else self.at)


def _with_holes(extents: Iterable[Row], size: int) -> Iterator[_Piece]:
    position = 0
    for logical, physical, length, flags in extents:
        if logical >= size:
            break
        if logical > position:
            yield _Piece(position, logical - position, HOLE)
        length = min(length, size - logical)
        yield _Piece(logical, length, UNPLACED if flags & _UNPLACED_FLAGS else physical)
        position = logical + length
    if position < size:
        yield _Piece(position, size - position, HOLE)


def _joined(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """Neighbours that the kernel would map in one go become one."""
    last: _Piece | None = None
    for piece in pieces:
        if last is not None:
            follows = last.at + last.length if last.at >= 0 else last.at
            if piece.at == follows:
                last = last._replace(length=last.length + piece.length)
                continue
            yield last
        last = piece
    if last is not None:
        yield last


class _Walker:
    """The pieces of a file, and what has been met of them so far."""

    def __init__(self, pieces: Iterable[_Piece], fs: Superblock, limit: int) -> None:
        self._pieces = iter(pieces)
        self._section, self._main, self._limit = fs.section, fs.main, limit
        self.piece: _Piece | None = next(self._pieces, None)
        self.position = self.passes = self.moved = self.end = 0
        self._note()

    def _note(self) -> None:
        if self.piece is not None and self.piece.at >= 0:
            self.end = max(self.end, self.piece.at + self.piece.length)

    def whole(self, piece: _Piece) -> bool:
        """Does it fill sections?"""
        aligned = piece.at >= 0 and (piece.at - self._main) % self._section == 0
        return aligned and piece.length % self._section == 0

    def go_to(self, position: int) -> int | None:
        """Pass over the pieces up to there; the first hole in them, None where there is none."""
        hole = None
        while self.piece is not None and self.piece.start < position:
            if self.piece.at == HOLE and hole is None:
                hole = self.piece.start
            if self.piece.start + self.piece.length > position:
                self.piece = self.piece.rest(position)
                break
            self.piece = next(self._pieces, None)
            self._note()
        self.position = position
        return hole

    def body(self) -> tuple[int | None, bool]:
        """As far as whole sections are taken or moved: the hole that stops it, and whether it was
        the next piece."""
        while self.piece is not None and self.position < self._limit:
            piece = self.piece
            if piece.at == HOLE:
                return piece.start, True
            if self.whole(piece):
                self.go_to(piece.start + piece.length)
                continue
            span = -(-piece.length // self._section) * self._section
            if self.position + span > self._limit:
                span -= self._section
            if not span:
                break
            self.passes += 1
            self.moved += span
            hole = self.go_to(self.position + span)
            if hole is not None:
                return hole, False
        return None, False


def walk(extents: Iterable[Row], size: int, fs: Superblock, limit: int) -> F2fsWalk:
    """The way through a file of `size` bytes, of which the header counts `limit`.

    Moved pieces are taken to be whole sections afterwards, which the kernel makes sure of.
    """
    size -= size % fs.block
    walker = _Walker(_joined(_with_holes(extents, size)), fs, limit)
    hole_at, met = walker.body()
    tail_at = tail_hole = None
    pieces = unplaced = 0
    if hole_at is None and walker.piece is not None and walker.position < limit:
        tail_at = walker.position
        while walker.piece is not None:
            piece = walker.piece
            if piece.at == HOLE and tail_hole is None:
                tail_hole = piece.start
            if piece.start < limit and tail_hole is None:
                pieces += not walker.whole(piece)
                if piece.at == UNPLACED:
                    unplaced += min(piece.length, limit - piece.start)
            walker.go_to(piece.start + piece.length)
    walker.go_to(size)
    return F2fsWalk(
        passes=walker.passes,
        moved=walker.moved,
        hole_at=hole_at,
        hole_met=met,
        tail_at=tail_at,
        tail_bytes=0 if tail_at is None else size - tail_at,
        tail_pieces=pieces,
        tail_hole_at=tail_hole,
        tail_unplaced=unplaced,
        end=walker.end,
    )
