"""What is written into the pages: data that cannot be compressed, of which no page is like another,
and that can be made again to compare."""

import hashlib

SEED_SIZE = 16
_NUMBER = 8
_HEAD = SEED_SIZE + 2 * _NUMBER


def content(seed: bytes, round_: int, page: int, size: int) -> bytes:
    """A page: who made it, in which round, which one it is, then what looks like noise. No page is
    all zeros, which the kernel would not write."""
    head = seed + round_.to_bytes(_NUMBER, "big") + page.to_bytes(_NUMBER, "big")
    return head + hashlib.shake_128(head).digest(size - _HEAD)


def described(data: bytes, seed: bytes, round_: int, page: int) -> str:
    """What a page looks like that is not as it was written."""
    if not any(data):
        return "all zeros"
    if data[:SEED_SIZE] != seed:
        return "data that was not written here"
    in_round = int.from_bytes(data[SEED_SIZE : SEED_SIZE + _NUMBER], "big")
    is_page = int.from_bytes(data[SEED_SIZE + _NUMBER : _HEAD], "big")
    if data != content(seed, in_round, is_page, len(data)):
        return "damaged"
    if in_round != round_:
        return f"page {is_page} of round {in_round}, which is older"
    return f"page {is_page} instead"
