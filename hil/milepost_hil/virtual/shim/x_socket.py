"""socket: the interpreter's own, except that names and addresses lead to the board's TCP proxy."""

import sys

import network

_path, sys.path[:] = sys.path[:], []
import socket as _native

sys.path[:] = _path

socket = _native.socket
AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 2, 10, 1, 2, 3
SOL_SOCKET, SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST = (
    _native.SOL_SOCKET,
    _native.SO_REUSEADDR,
    _native.SO_KEEPALIVE,
    _native.SO_BROADCAST,
)
IPPROTO_TCP, TCP_NODELAY, IPPROTO_IP = 6, 1, 0
MSG_PEEK, MSG_DONTWAIT = _native.MSG_PEEK, _native.MSG_DONTWAIT
inet_ntop, inet_pton, sockaddr = _native.inet_ntop, _native.inet_pton, _native.sockaddr

_ask = None  # machine._ask, set by the boot script


def getaddrinfo(host, port, af=AF_INET, type=SOCK_STREAM, proto=0, flags=0):
    if not network.WLAN(network.STA_IF).isconnected():
        raise OSError(-202)  # EAI_FAIL of lwIP: what an ESP32 says without an address
    link = _ask("route {} {}".format(host, port))
    answer = link.readline()
    link.close()
    if not answer or answer == b"0\n":
        raise OSError(-2)
    return _native.getaddrinfo("127.0.0.1", int(answer), af, type)
