"""``run``: puts the operator together and hands it to kopf. The one place that wires."""

from __future__ import annotations

import argparse
import logging
from concurrent.futures import Future
from typing import Any, cast

import kopf

from voc_models.exit_codes import TryAgainError, UsageError
from voc_models.run import API_VERSION, KIND
from voc_models.stores import configured_store
from voc_operator import handlers
from voc_operator.actions import Actions
from voc_operator.cluster import Cluster
from voc_operator.config import read_config
from voc_operator.controller import Controller
from voc_operator.http_server import HttpServer
from voc_operator.jobs import MANAGED_BY
from voc_operator.metrics import Metrics
from voc_operator.plan_reader import PlanReader
from voc_operator.settings import Settings, own_namespace, read_text
from voc_operator.transport import Transport, configuration

logger = logging.getLogger(__name__)


def run_operator(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Drive the namespace's runs until SIGTERM.

    Raises:
        UsageError: the configuration is wrong, there are no credentials, or the CRD is not installed.
        ClusterUnavailableError: the API server cannot be reached at the start.
        TryAgainError: a watch has ended for good.
    """
    config = read_config(read_text(settings.config_file))
    namespace = own_namespace(settings)
    metrics = Metrics()
    transport = Transport(configuration(), on_request=metrics.count_request)
    cluster = Cluster(transport, namespace)
    if not cluster.crd_served():
        raise UsageError(f"The cluster does not know {KIND} {API_VERSION}. Install the chart's CRD, then start again.")
    plans = PlanReader(lambda: configured_store(settings, settings.store_address))
    controller = Controller(Actions(cluster, config), plans, metrics)
    server = HttpServer(settings.http_port, controller.fault, metrics)
    # kopf says of every single watch event that its handler succeeded.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logger.info("The operator drives the runs of namespace %s.", namespace)
    deaf: Future[str] = Future()
    kopf.run(
        registry=handlers.registry(controller, cluster, server, deaf),
        settings=handlers.settings(),
        namespaces=[namespace],
        standalone=True,
        stop_flag=deaf,
        # Without one kopf asks for the user's name, and an unprivileged user of a container has none.
        identity=cast("Any", MANAGED_BY),
    )
    transport.stop()
    if deaf.done() and not deaf.cancelled():
        raise TryAgainError(f"{deaf.result()} The operator ends, so that it is started again.")
    logger.info("The operator has stopped.")
