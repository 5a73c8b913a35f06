# Sluice in a container: docs/deploy-container.md.
#   docker build -t sluice . && docker run --rm -p 9000:9000 -e DEMO=1 sluice

# Pinned by digest (Python 3.13.14, every architecture): a tag can be moved to another image.
# A newer one: docker buildx imagetools inspect python:3.13-slim-bookworm
FROM python:3.13-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8 AS build
WORKDIR /app
RUN python -m venv /app/venv
COPY requirements.txt ./
RUN /app/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
COPY LICENSE ./
COPY proxy ./proxy
# Nothing is written at run time, so the .pyc files are made here; copying must not make them count as stale.
RUN /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash proxy

FROM python:3.13-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8
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
