# Sluice in a container: docs/deploy-container.md.
#   docker build -t sluice . && docker run --rm -p 9000:9000 -e DEMO=1 sluice

FROM python:3.13-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /app/venv
COPY requirements.txt ./
RUN /app/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
COPY LICENSE ./
COPY proxy ./proxy
# Nothing is written at run time, so the .pyc files are made here; copying must not make them count as stale.
RUN /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash proxy

FROM python:3.13-slim-bookworm
ENV PORT=9000 WEB_CONCURRENCY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /app /app
# A number, so that a platform can see that it is not root.
USER 65532:65532
EXPOSE 9000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/app/venv/bin/python", "-m", "proxy.cli.container", "health"]
STOPSIGNAL SIGTERM
CMD ["/app/venv/bin/python", "-m", "proxy.cli.container", "serve"]
