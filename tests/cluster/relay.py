"""A port on which pods reach a server that listens on this machine's loopback only; a test can cut the line."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import Final

_CHUNK: Final = 1 << 16


class Relay:
    """Passes connections to ``address:port`` on to ``127.0.0.1:target`` until it is closed."""

    def __init__(self, address: str, target: int) -> None:
        self.address = address
        self._target = target
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=[self._listener], daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Refuse connections and drop those that are open: what pods see of a server that is down."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        with self._guard:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    close = cut

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=[inner], daemon=True).start()

    def _pass(self, near: socket.socket) -> None:
        with near, socket.socket() as far:
            with self._guard:
                self._open |= {near, far}
            with suppress(OSError):
                far.connect(("127.0.0.1", self._target))
                _exchange(near, far)
            with self._guard:
                self._open -= {near, far}


def _exchange(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both have said all they wanted."""
    across = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for end in across:
            ready.register(end, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                source = one if key.fileobj is one else other
                if chunk := source.recv(_CHUNK):
                    across[source].sendall(chunk)
                else:
                    ready.unregister(source)
                    with suppress(OSError):
                        across[source].shutdown(socket.SHUT_WR)
