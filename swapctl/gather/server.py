"""Who serves a network block device: the far end of its connection, if that is on this machine."""

import os

from swapctl.linux import sockets
from swapctl.linux.files import read_text, under
from swapctl.linux.sysblock import Entry, text
from swapctl.storage_facts import Server


def _process(pid: int, root: str) -> str:
    return f"{read_text(under(root, f'proc/{pid}/comm')).strip()} ({pid})"


def _owner(inode: int, root: str) -> str:
    pid = sockets.owner(inode, root)
    return "" if pid is None else _process(pid, root)


def of_nbd(one: Entry, root: str = "/") -> Server:
    """The server of an nbd device, by the socket that its client holds.

    Raises OSError: where nothing is connected, and where the client has gone, as it may when it set
    the device up through netlink; the kernel does not tell the peer then.
    """
    pid = int(text(f"{one.directory}/pid"))
    if not os.path.isdir(under(root, f"proc/{pid}")):
        raise OSError(None, "its client has ended, and only the kernel has the connection")
    held = sockets.of_process(pid, root)
    for connection in sockets.tcp(root):
        if connection.inode in held and connection.connected:
            far = sockets.far_end(connection, root)
            local = far is not None or sockets.loopback(connection.remote)
            return Server(
                process=_owner(far.inode, root) if far else "",
                peer=sockets.shown(connection.remote),
                local=local,
            )
    if held:
        return Server(process="", peer="a socket of this machine", local=True)
    raise OSError(None, f"process {pid} holds no connection")
