"""A network block device whose server is this process: `python -m tests.vm.nbd_device DEVICE SIZE`.

A child attaches the device and waits in the kernel for as long as it is in use. It prints a line
when there is something to look at. Source: <linux/nbd.h>, doc/proto.md of nbd.
"""

import fcntl
import os
import socket
import struct
import sys

NBD_SET_SOCK = 0xAB00
NBD_SET_BLKSIZE = 0xAB01
NBD_DO_IT = 0xAB03
NBD_SET_SIZE_BLOCKS = 0xAB07
BLOCK = 4096
REQUEST = struct.Struct(">II8sQI")
REPLY = struct.Struct(">II8s")
WRITE = 1


def receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def serve(connection: socket.socket, store: bytearray) -> None:
    while True:
        _, kind, handle, offset, length = REQUEST.unpack(receive(connection, REQUEST.size))
        if kind & 0xFFFF == WRITE:
            store[offset : offset + length] = receive(connection, length)
            connection.sendall(REPLY.pack(0x67446698, 0, handle))
        else:
            data = store[offset : offset + length] if kind & 0xFFFF == 0 else b""
            connection.sendall(REPLY.pack(0x67446698, 0, handle) + data)


def main() -> None:
    device, size = sys.argv[1], int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if os.fork() == 0:
            client = socket.create_connection(listening.getsockname())
            fd = os.open(device, os.O_RDWR)
            fcntl.ioctl(fd, NBD_SET_BLKSIZE, BLOCK)
            fcntl.ioctl(fd, NBD_SET_SIZE_BLOCKS, size // BLOCK)
            fcntl.ioctl(fd, NBD_SET_SOCK, client.fileno())
            fcntl.ioctl(fd, NBD_DO_IT)
            os._exit(0)
        connection, _ = listening.accept()
    print("ready", flush=True)
    serve(connection, bytearray(size))


if __name__ == "__main__":
    main()
