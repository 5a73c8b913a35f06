"""The processes of `serve --workers N`: uvicorn's, with one folder for the metrics of all."""

from __future__ import annotations

import os
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

from proxy.metrics import shared_files


class Workers(Multiprocess):
    """Starts the processes, and replaces those that die. They share metrics in `folder`; None if they keep none."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, folder: str | None) -> None:
        super().__init__(config, sockets=[listener])
        self._folder = folder
        if folder is not None:
            os.environ[shared_files.VARIABLE] = folder  # the processes start with it

    def keep_subprocess_alive(self) -> None:
        """Replace processes that have died, and forget which calls ran in them."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        if self._folder is not None:
            for pid in before - {process.pid for process in self.processes}:
                shared_files.forget_process(self._folder, pid)
