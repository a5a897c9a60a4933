"""Sockets that look at whom they reached before a byte is sent, and that can be cut from outside.

A host name may answer with a public address when it is checked and with ``169.254.169.254`` when it
is used. So the check is made on the connected socket itself, where no second look-up can come
between.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import socket
import threading

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class WithoutQuery(logging.Filter):
    """Cuts the query of each address that urllib3 writes to its log: some products want their key there."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        cut_text = re.sub(r"\?[^\s\"]*", "?…", text)
        if cut_text != text:
            record.msg, record.args = cut_text, ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(WithoutQuery())


class PeerRefused(OSError):
    """The address behind the name is not a public one."""


def is_public(address: str) -> bool:
    """Whether an IP address, as ``getpeername`` gives it, is on the public internet.

    Addresses that carry another one inside (mapped, 6to4, Teredo, NAT64) are judged by both.
    """
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    inner: list = []
    if ip.version == 6:
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        inner = [ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.ip_address(int(ip) & 0xFFFFFFFF))
    if not ip.is_global or ip.is_multicast:
        return False
    return all(is_public(str(other)) for other in inner if other is not None)


class CallGuard(threading.local):
    """What is known of the call that this thread is making."""

    def __init__(self):
        self.begin()

    def begin(self):
        self.sock = None
        self.sent = False  # whether a byte of the request may have reached the product
        self.cut = False  # whether the deadline ended it


class _Guarded:
    """Mixin for both kinds of connection."""

    guard: CallGuard
    local_hosts: frozenset

    def _new_conn(self):
        sock = super()._new_conn()
        try:
            peer = sock.getpeername()[0]
        except OSError:
            sock.close()
            raise
        if f"{self.host}:{self.port}" not in self.local_hosts and not is_public(peer):
            sock.close()
            raise PeerRefused("the address is not public")
        self.guard.sock = sock
        return sock

    def connect(self):
        super().connect()
        self.guard.sock = self.sock

    def send(self, data):
        if self.sock is None:
            self.connect()
        self.guard.sock = self.sock
        self.guard.sent = True
        return super().send(data)


def cut(sock) -> None:
    """End all waiting on a socket, from another thread."""
    if sock is not None:
        with contextlib.suppress(OSError, ValueError):
            # SSLSocket.shutdown would drop the TLS object under the reader's feet
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


class GuardedAdapter(HTTPAdapter):
    """An adapter whose connections are guarded. It never retries: the engine does."""

    def __init__(self, guard: CallGuard, local_hosts: frozenset):
        names = {"guard": guard, "local_hosts": local_hosts}
        http = type("GuardedHTTP", (_Guarded, HTTPConnection), dict(names))
        https = type("GuardedHTTPS", (_Guarded, HTTPSConnection), dict(names))
        self._pools = {
            "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections, maxsize, block=False, **kwargs):
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, **kwargs
        )
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args, **kwargs):
        raise PeerRefused("no proxy is used")
