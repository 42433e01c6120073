"""Odd mounts of servers: no exception but OSError, and what is not known is said to be so."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.facts import Mount
from swapctl.filesystems import SERVED
from swapctl.gather import network
from swapctl.linux import mounts, nfs

LINE = "43 30 0:38 / /m rw,relatime - {} {} {}\n"
REST = "rw,vers=4.2,hard,proto=tcp,sec=sys"


def one(source: str = "nas:/x", options: str = REST, fstype: str = "nfs4") -> Mount:
    """The mount of a line of mountinfo, with all words as the kernel prints them."""
    (found,) = mounts.parse_mountinfo(LINE.format(fstype, source, options))
    return found


SERVERS = {
    "nas:/swap": "nas",
    "nas:/a:/b": "nas",
    "NAS.Example.ORG.:/": "NAS.Example.ORG.",
    "[fe80::1%eth0]:/x": "[fe80::1%eth0]",
    "[2001:db8::1]:/": "[2001:db8::1]",
    "2001:db8::1:/x": "2001:db8::1",
    "odd:name:/x": "odd:name",
    r"host\040with\040blanks:/x\040y": "host with blanks",
    "caf\udce9:/x": "caf\udce9",
    "no-colon": "no-colon",
    "": "",
    ":/x": "",
    "//srv/share": "srv",
    "//[2001:db8::1]/share:/x": "[2001:db8::1]",
}


@pytest.mark.parametrize("source", SERVERS)
def test_the_server_of_a_source(source: str) -> None:
    assert network.server(one(source)) == SERVERS[source]


# Source and options of cifs and ceph: the addresses, none when only names are there.
PLAIN: dict[tuple[str, str], tuple[str, ...]] = {
    ("//srv/share", "rw,addr=192.0.2.7"): ("192.0.2.7",),
    ("//srv/share", "rw,ADDR=192.0.2.7"): (),
    ("//srv/share", "rw,addr="): (),
    ("//srv/share", "rw"): (),
    ("//192.0.2.7/share", "rw"): ("192.0.2.7",),
    ("//srv/share", "rw,addr=192.0.2.6,addr=192.0.2.7"): ("192.0.2.7",),
    ("//srv/share", "rw,addr=fe80::1%eth0"): ("fe80::1%eth0",),
    ("//srv/share", "rw,ip=2001:db8::1"): ("2001:db8::1",),
    ("//[2001:db8::1]/share", "rw"): ("2001:db8::1",),
    ("//999.0.2.7/share", "rw"): (),
    ("192.0.2.1:6789,192.0.2.2:6789:/", "rw,name=admin"): ("192.0.2.1", "192.0.2.2"),
    ("[2001:db8::1]:6789,[2001:db8::2]:6789:/", "rw"): ("2001:db8::1", "2001:db8::2"),
    ("me@f-s.cephfs=/", "rw,mon_addr=192.0.2.1:3300/192.0.2.2:3300"): ("192.0.2.1", "192.0.2.2"),
    ("me@f-s.cephfs=/", "rw"): (),
    ("mon1,mon2:/", "rw"): (),
}


@pytest.mark.parametrize(("source", "options"), PLAIN)
def test_plain_addresses(source: str, options: str) -> None:
    expected = PLAIN[source, options]
    mount = one(source, options, "ceph")
    if expected:
        assert network.plain_addresses(mount) == expected
    else:
        with pytest.raises(OSError, match="do not name an address"):
            network.plain_addresses(mount)


def test_values_of_options() -> None:
    odd = "odd=a\\054b=c,empty=,flag,VERS=3,proto=udp"
    terms = nfs.terms(one(options=f"{odd},{REST},addr=fe80::1%eth0,clientaddr=fe80::2%eth0"))
    # The kernel takes the last of several, and names have one case.
    assert (terms.version, terms.proto, terms.address) == ("4.2", "tcp", "fe80::1%eth0")
    mount = one(options="odd=a\\054b=c")
    assert mount.super_options == ("odd=a,b=c",)


@pytest.mark.parametrize("name", ["vers", "proto", "sec"])
@pytest.mark.parametrize("instead", ["", "{}", "{}="])
def test_what_the_kernel_always_prints_is_not_guessed(name: str, instead: str) -> None:
    words = [w if not w.startswith(f"{name}=") else instead.format(name) for w in REST.split(",")]
    with pytest.raises(OSError, match=f"lack {name}="):
        nfs.terms(one(options=",".join(words)))


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "fe80::1%eth0", "::1"])
def test_addresses(address: str) -> None:
    assert network.numeric(address)


@pytest.mark.parametrize("text", ["", "nas", "192.0.2", "fe80::1%", "[::1]", "1.2.3.4:5", "\udce9"])
def test_no_addresses(text: str) -> None:
    assert not network.numeric(text)


NAMES = ("vers", "proto", "sec", "xprtsec", "nconnect", "addr", "soft", "mon_addr", "ip", "x")
ODD = st.text(st.characters(codec="utf-8", exclude_characters="\n "), max_size=20)
BYTES = st.binary(max_size=20).map(lambda b: b.decode("utf-8", "surrogateescape"))
VALUES = st.one_of(
    ODD, BYTES.filter(lambda t: not {" ", "\n"} & set(t)), st.ip_addresses().map(str)
)
OPTIONS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("", "=", "==")), VALUES))


@given(st.sampled_from(SERVED), VALUES, OPTIONS)
def test_whatever_a_mount_says(
    fstype: str, source: str, options: list[tuple[str, str, str]]
) -> None:
    mount = one(source, ",".join(map("".join, options)), fstype)
    network.server(mount)
    with contextlib.suppress(OSError):
        terms = nfs.terms(mount)
        assert terms.version
        assert terms.proto
        assert terms.connections >= 0
    with contextlib.suppress(OSError):
        found = network.plain_addresses(mount)
        assert found
        assert all(map(network.numeric, found))


BLOCK = "device nas:/x mounted on /m with fstype nfs4 statvers=1.1\n"


@given(st.lists(st.one_of(VALUES, st.sampled_from(("\txprt:", "\tnfsv4:", "pnfs=", "\t", "\n")))))
def test_whatever_the_statistics_say(words: list[str]) -> None:
    (found,) = nfs.parse_mountstats(BLOCK + " ".join(words))
    assert all(found.transports)


@pytest.mark.parametrize("line", ["\txprt:", "\txprt: ", "\txprt:\t\t\t"])
def test_a_transport_without_a_name(line: str) -> None:
    assert nfs.parse_mountstats(f"{BLOCK}{line}\n") == [nfs.Statistics("/m", (), None)]
