# Everup in a container: `make image TAG=everup`, or `docker build .`
#
# BASE_IMAGE is any image with Python 3.11 to 3.13 under its usual names. What pip is told comes
# from build arguments, which make image takes from the environment; they stay in the first stage.
ARG BASE_IMAGE=python:3.11-slim

# --- what is installed, each file checked against its hash -----------------------------------------
FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_CERT
ARG PIP_DEFAULT_TIMEOUT
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_NO_INPUT=1 PIP_NO_DEPS=1 PIP_ONLY_BINARY=:all: PIP_QUIET=1

WORKDIR /build
COPY requirements/runtime.txt requirements/build.txt ./
RUN python3 -m venv --without-pip /opt/everup && python3 -m venv tools && \
    tools/bin/pip install --no-compile --require-hashes -r build.txt && \
    tools/bin/pip --python /opt/everup install --require-hashes -r runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN tools/bin/hatchling build -t wheel && \
    tools/bin/pip --python /opt/everup install dist/everup-*.whl && \
    tools/bin/pip --python /opt/everup check

# --- what every container of ours starts from -------------------------------------------------------
FROM ${BASE_IMAGE} AS base
RUN printf 'everup:x:10001:10001::/app:/bin/false\n' >>/etc/passwd && \
    printf 'everup:x:10001:\n' >>/etc/group && \
    mkdir -p /app/logs /app/state /app/data && chown -R 10001:10001 /app && \
    if ! command -v curl >/dev/null; then \
        apt-get -qq update && \
        apt-get -qq install --yes --no-install-recommends curl >/dev/null && \
        rm -rf /var/lib/apt/lists/*; \
    fi

# Compiled now: under a read-only root every start would do it again, which takes seconds.
RUN python3 -m compileall -q -x '/(test|tests|site-packages|idlelib|lib2to3)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

# --- a service of the reference stack: docker build --target stack, see deploy/compose.yaml ---------
FROM base AS stack
COPY --from=build /opt/everup /opt/everup
WORKDIR /app
ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["/opt/everup/bin/python", "-m", "everup.demo.stack"]

# --- Everup ------------------------------------------------------------------------------------------
FROM base
LABEL everup.own=true \
    everup.internal.controller=true \
    org.opencontainers.image.title=Everup \
    org.opencontainers.image.licenses=Apache-2.0

COPY --from=build /opt/everup /opt/everup
# What `everup` means in here, at the start and for docker exec: never root once it has started, see
# deploy/entrypoint.py, which takes the group of the engine's socket.
COPY deploy/entrypoint.py /usr/local/bin/everup

# The root file system may be read-only: only these folders and /tmp are written.
VOLUME ["/app/logs", "/app/state"]
WORKDIR /app
ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/app PYTHONDONTWRITEBYTECODE=1 \
    EVERUP_LISTEN=0.0.0.0:8010 EVERUP_STATE_DIR=/app/state EVERUP_LOG_DIRECTORY=/app/logs

EXPOSE 8010
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["curl", "-fsS", "-o", "/dev/null", "http://localhost:8010/health"]
ENTRYPOINT ["/usr/local/bin/everup"]
CMD ["up"]
