# The server in a container: `docker run -p 8080:8080 -v tricast:/data tricast`.
# Everything in it is pinned by constraints.txt; nothing is built or fetched at the start.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY static static
COPY sqlite sqlite
# The environment is made without pip: what runs doesn't need it.
RUN python -m venv --without-pip /opt/tricast \
 && python -m pip --python /opt/tricast/bin/python install \
      --no-cache-dir --disable-pip-version-check --constraint constraints.txt .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tricast" \
      org.opencontainers.image.description="A realtime hub: one durable event log, three transports." \
      org.opencontainers.image.licenses="MIT"
# A fixed uid, so that the owner of a volume can be named: chown 10001:10001.
RUN groupadd --gid 10001 tricast \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tricast \
 && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/tricast /opt/tricast
# Nothing is written but /data: the root file system may be read-only.
ENV PATH=/opt/tricast/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRICAST_HOST=0.0.0.0 \
    TRICAST_LOG=sqlite:////data/tricast.db
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/healthz' % (os.environ.get('TRICAST_PORT') or 8080), timeout=4)"]
# Exec form: SIGTERM reaches the server itself, which drains and exits 0.
ENTRYPOINT ["tricast"]
CMD ["serve"]
