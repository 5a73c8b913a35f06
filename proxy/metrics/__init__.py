"""The optional metrics of a server, in Prometheus' text form. `attach` imports their modules if they can be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import NotInstalled

if TYPE_CHECKING:
    from proxy.host import Host


def attach(host: Host) -> None:
    """Let `host` keep metrics from now on, if the package prometheus_client is installed.

    Raises ConfigError if PROMETHEUS_MULTIPROC_DIR is set to a folder that cannot be used.
    """
    try:
        from proxy.metrics.recorder import Recorder
    except ModuleNotFoundError:
        host.metrics_page = _missing
        return
    from proxy.metrics.page import Page
    from proxy.metrics.shared_files import shared_folder

    folder = shared_folder()
    recorder = Recorder()
    host.observer = recorder
    host.metrics_page = Page(recorder.registry, folder)


def _missing() -> bytes:
    raise NotInstalled(
        "This server keeps no metrics, because the package prometheus_client is not installed. Its owner can install "
        "it with pip install prometheus_client and start the server again.",
        code="metrics_not_installed",
    )
