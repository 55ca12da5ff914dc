# Three images from one wheel, each with the packages of its own part alone:
#   docker build --target operator|worker|trainer -t NAME .
# worker with --build-arg GPU=1 takes ONNX Runtime for NVIDIA cards, with CUDA and cuDNN as Python packages.
# A package index of your own: --secret id=pip,src=/etc/pip.conf (it stays out of the images).

# Debian with Python 3.11 or later and its venv module.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# --- Tools that build the wheel and install packages, and an environment without pip for them to fill. No image holds
# the tools: the environment alone is copied, packages and wheel apart, so that a changed line of ours is a small layer.
FROM ${BASE} AS tools
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/build.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv --without-pip /opt/voc-nlp && \
    python3 -m venv /opt/tools && \
    /opt/tools/bin/python -m pip install --require-hashes -r /tmp/build.txt
ENV PIP_PYTHON=/opt/voc-nlp/bin/python

FROM tools AS wheel
WORKDIR /source
COPY . .
RUN /opt/tools/bin/python -m build --wheel --no-isolation --outdir /wheel && \
    /opt/tools/bin/python -m pip install --no-deps --no-index /wheel/*.whl

FROM tools AS operator-packages
COPY requirements/operator.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/tools/bin/python -m pip install --require-hashes -r /tmp/operator.txt

FROM tools AS worker-packages
ARG GPU=""
COPY requirements/worker.txt requirements/worker-gpu.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/tools/bin/python -m pip install --require-hashes -r /tmp/worker${GPU:+-gpu}.txt

# With --build-arg SLIM=1 the trainer's packages (PyTorch: gigabytes) are left out and expected at /opt/environment,
# from a volume: a folder of packages for this Python, such as pip install --target makes.
FROM tools AS trainer-packages
ARG SLIM=""
COPY requirements/trainer.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    if [ -n "${SLIM}" ]; then \
      echo /opt/environment > "$(echo /opt/voc-nlp/lib/python3*/site-packages)/environment.pth"; \
    else \
      /opt/tools/bin/python -m pip install --require-hashes -r /tmp/trainer.txt; \
    fi

# --- What every image has: an unprivileged user, one place to write (/tmp, where Jobs mount their scratch).
FROM ${BASE} AS common
ENV PATH=/opt/voc-nlp/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001

# --- The operator.
FROM common AS operator
COPY --from=operator-packages /opt/voc-nlp /opt/voc-nlp
COPY --from=wheel /opt/voc-nlp /opt/voc-nlp
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="voc-nlp operator" \
      org.opencontainers.image.description="Watches VocMonthlyRun and makes the month happen as Jobs." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV GIT_COMMIT=${REVISION}
ENTRYPOINT ["python", "-m", "voc_operator"]

# --- The worker. Jobs give the whole command. Hangul for word clouds comes with its packages (NanumGothic).
FROM common AS worker
COPY --from=worker-packages /opt/voc-nlp /opt/voc-nlp
COPY --from=wheel /opt/voc-nlp /opt/voc-nlp
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="voc-nlp worker" \
      org.opencontainers.image.description="One step of a month of VOC: prepare, building, publish." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV GIT_COMMIT=${REVISION}

# --- The trainer. Jobs give the whole command. The commit goes into each model's manifest.
FROM common AS trainer
COPY --from=trainer-packages /opt/voc-nlp /opt/voc-nlp
COPY --from=wheel /opt/voc-nlp /opt/voc-nlp
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="voc-nlp trainer" \
      org.opencontainers.image.description="Fine-tunes, evaluates, exports and publishes the models." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV GIT_COMMIT=${REVISION}
