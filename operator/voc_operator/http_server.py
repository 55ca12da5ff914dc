"""``/healthz`` and ``/metrics`` over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp import web

from voc_operator.metrics import Metrics


class HttpServer:
    """Answers kubelet and Prometheus while the event loop is alive."""

    def __init__(self, port: int, fault: Callable[[], str], metrics: Metrics) -> None:
        """Remember what to tell; ``fault`` says in a sentence why the operator does not work, "" while it does."""
        application = web.Application()
        application.add_routes([web.get("/healthz", self._health), web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(application, access_log=None)
        self._wanted = port
        self._fault = fault
        self._text = metrics.text

    async def start(self) -> int:
        """Listen; return the port."""
        await self._runner.setup()
        listening = _every_address(self._wanted)
        await web.SockSite(self._runner, listening).start()
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        fault = self._fault()
        return web.Response(text=f"{fault or 'ok'}\n", status=503 if fault else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _every_address(port: int) -> socket.socket:
    """Listen on every address of the pod, of either family: kubelet and Prometheus come from outside it."""
    if socket.has_dualstack_ipv6():
        # One socket for both: two would get two different ports when any port is asked for.
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
