"""One request to the API server: credentials, time limits, bounded retries, errors. ``cluster.py`` says which requests.

It uses the official client for the configuration, TLS and tokens (a mounted token is read again when it rotates), and
raw JSON instead of the client's model classes, which cost time and memory with thousands of pods.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

from voc_models.exit_codes import UsageError
from voc_operator.errors import ClusterUnavailableError, error_of

CONNECT_SECONDS = 3.0
READ_SECONDS = 15.0
#: A watch hears of nothing for longer only when its connection is dead: a bookmark comes every minute.
SILENT_SECONDS = 150.0
_CHUNK_BYTES = 1 << 16
#: Pauses before the second and third try of a request that met an outage.
PAUSES = (0.2, 1.0)
#: Longest Retry-After that is obeyed inside one call; a longer one is an outage.
_MOST_PAUSE = 5.0
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
#: Answer with the object's metadata alone: the status of 10,000 buildings need not come back.
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Request(NamedTuple):
    """What is asked; ``verb`` and ``resource`` in RBAC's words, for errors and for counting."""

    method: str
    path: str
    verb: str
    resource: str
    query: Mapping[str, str] = {}
    body: object = None
    content_type: str = "application/json"
    accept: str = "application/json"


class Transport:
    """A connection to one API server, safe to use from several threads."""

    def __init__(
        self,
        configuration: client.Configuration,
        *,
        on_request: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Remember the connection without using it.

        Args:
            configuration: of the official client.
            on_request: told the verb of every request, retries included.
            clock: monotonic seconds.
            sleep: between tries; by default :meth:`stop` cuts it short.
        """
        configuration.connection_pool_maxsize = 16
        self._configuration = configuration
        self._pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
        self._on_request = on_request or (lambda _verb: None)
        self._clock = clock
        self._stopped = Event()
        self._sleep = sleep or self._stopped.wait
        #: Monotonic seconds of the last answer of any kind.
        self.answered_at = clock()

    def send(self, request: Request) -> dict[str, Any]:
        """Return the API server's answer.

        Raises:
            ClusterUnavailableError: no answer in three tries.
            ClusterError: another one of ``errors.py``, by the answer.
        """
        for pause in PAUSES:
            try:
                return self._once(request)
            except _BusyError as busy:
                if busy.pause > _MOST_PAUSE or self._stopped.is_set():
                    raise busy.error from busy
                self._sleep(max(pause, busy.pause))
        try:
            return self._once(request)
        except _BusyError as busy:
            raise busy.error from busy

    def stream(self, request: Request) -> Iterator[dict[str, Any]]:
        """Yield what the API server tells line by line, until it ends the answer; there is no second try.

        Raises:
            ClusterUnavailableError: no answer, a broken one, or nothing for ``SILENT_SECONDS``.
            ClusterError: another one of ``errors.py``, by the answer.
        """
        try:
            answer = self._ask(request, SILENT_SECONDS, whole=False)
        except _BusyError as busy:
            raise busy.error from busy
        try:
            rest = b""
            for chunk in answer.stream(_CHUNK_BYTES):
                self.answered_at = self._clock()
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (_read(line, request) for line in lines)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._silence(error) from error
        finally:
            answer.close()

    def stop(self) -> None:
        """Try nothing again: the program ends."""
        self._stopped.set()

    def _once(self, request: Request) -> dict[str, Any]:
        self._on_request(request.verb)
        return _read(self._ask(request, READ_SECONDS, whole=True).data, request)

    def _ask(self, request: Request, seconds: float, *, whole: bool) -> urllib3.BaseHTTPResponse:
        url = self._configuration.host.rstrip("/") + request.path
        if request.query:
            url += "?" + urlencode(request.query)
        body = None if request.body is None else json.dumps(request.body, separators=(",", ":")).encode()
        try:
            answer = self._pool.request(
                request.method,
                url,
                body=body,
                headers=self._headers(request),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds),
                retries=False,
                preload_content=whole,
            )
            refused = b"" if answer.status < 300 else answer.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _BusyError(self._silence(error)) from error
        self.answered_at = self._clock()
        if answer.status < 300:
            return answer
        status = _status(refused)
        refusal = error_of(
            request.verb, request.resource, answer.status, status.get("reason") or "", status.get("message") or ""
        )
        if isinstance(refusal, ClusterUnavailableError):
            raise _BusyError(refusal, _seconds(answer.headers.get("Retry-After")))
        raise refusal

    def _silence(self, error: Exception) -> ClusterUnavailableError:
        return ClusterUnavailableError(
            f"The API server at {self._configuration.host} did not answer ({type(error).__name__}: {error}). "
            "Check that it runs and that this machine reaches it."
        )

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Accept": request.accept, "Content-Type": request.content_type, "User-Agent": "voc-operator"}
        try:
            token = self._configuration.auth_settings().get("BearerToken")
        except (OSError, config.ConfigException) as error:
            fault = ClusterUnavailableError(f"The service account's token cannot be read: {error}.")
            raise _BusyError(fault) from error
        if token and token["value"]:
            headers["Authorization"] = token["value"]
        return headers


class _BusyError(Exception):
    """A try that may succeed when it is repeated after ``pause`` seconds."""

    def __init__(self, error: ClusterUnavailableError, pause: float = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause


def configuration(kubeconfig: str | None = None) -> client.Configuration:
    """Return the credentials: a pod's service account, else the kubeconfig (KUBECONFIG or ~/.kube/config).

    Raises:
        UsageError: there are neither.
    """
    found = client.Configuration()
    in_cluster: Callable[..., None] = config.load_incluster_config
    from_file: Callable[..., None] = config.load_kube_config
    try:
        if kubeconfig is None:
            try:
                in_cluster(client_configuration=found)
            except config.ConfigException:
                from_file(client_configuration=found)
        else:
            from_file(kubeconfig, client_configuration=found)
    except (config.ConfigException, OSError) as error:
        raise UsageError(
            f"There are no credentials for a cluster: {error}. Run this in a pod, or set KUBECONFIG."
        ) from error
    return found


def _read(data: bytes, request: Request) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ClusterUnavailableError(
            f"The answer to {request.verb} {request.resource} is not JSON; something between here and the API server "
            "answered instead of it."
        ) from error
    return document if isinstance(document, dict) else {}


def _status(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {"message": data[:300].decode(errors="replace")}
    return document if isinstance(document, dict) else {}


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
