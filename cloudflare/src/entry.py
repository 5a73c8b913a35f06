"""The Worker's entry: what the runtime imports and calls. Everything else is in proxy/adapters/workers.py."""

from workers import WorkerEntrypoint

from proxy.adapters.workers import Worker

_worker = Worker()


class Default(WorkerEntrypoint):
    """The class that the runtime looks for, by this name."""

    async def fetch(self, request):
        """Answer one call."""
        return await _worker.fetch(request, self.env)
