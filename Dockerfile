# syntax=docker/dockerfile:1
# Three images from one file: operator, worker, trainer. Each holds the wheel and its own extra, nothing else:
#   docker build --target operator -t voc-nlp-operator .
#   docker build --target worker   -t voc-nlp-worker .          (--build-arg GPU=1 for onnxruntime-gpu)
#   docker build --target trainer  -t voc-nlp-trainer .
# BASE needs Python 3.11 or later with venv, and CA certificates.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN python3 -m venv /build
COPY requirements/build.txt /src/requirements/build.txt
RUN /build/bin/pip install --no-cache-dir --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md CHANGELOG.md /src/
COPY operator /src/operator
COPY worker /src/worker
COPY models /src/models
RUN /build/bin/python -m build --wheel --no-isolation --outdir /wheels /src

# An environment is made where compilers and pip's cache may lie about, and only the result is copied.
FROM ${BASE} AS operator-env
COPY requirements/operator.txt /requirements.txt
COPY --from=build /wheels /wheels
RUN python3 -m venv /opt/voc \
 && /opt/voc/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt \
 && /opt/voc/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
 && /opt/voc/bin/pip uninstall --yes pip setuptools

FROM ${BASE} AS worker-env
ARG GPU=
COPY requirements/worker.txt requirements/worker-gpu.txt /
COPY --from=build /wheels /wheels
RUN python3 -m venv /opt/voc \
 && /opt/voc/bin/pip install --no-cache-dir --require-hashes -r "/worker${GPU:+-gpu}.txt" \
 && /opt/voc/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
 && /opt/voc/bin/pip uninstall --yes pip setuptools

FROM ${BASE} AS trainer-env
COPY requirements/trainer.txt /requirements.txt
COPY --from=build /wheels /wheels
RUN python3 -m venv /opt/voc \
 && /opt/voc/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt \
 && /opt/voc/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
 && /opt/voc/bin/pip uninstall --yes pip setuptools

FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="voc-nlp" \
      org.opencontainers.image.description="Monthly VOC tagging, dashboards and review for building management" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/voc/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp
USER 10001:10001

FROM runtime AS operator
COPY --from=operator-env /opt/voc /opt/voc
ENTRYPOINT ["python", "-m", "voc_operator"]

FROM runtime AS worker
COPY --from=worker-env /opt/voc /opt/voc
ENTRYPOINT ["python", "-m", "voc_worker"]

FROM runtime AS trainer
COPY --from=trainer-env /opt/voc /opt/voc
ENTRYPOINT ["python", "-m", "voc_training"]
