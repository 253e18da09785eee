# One image for the web process and the worker; what differs is the lock it is built from.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG LOCK=web
WORKDIR /srv/distiller
COPY requirements requirements
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir -q --require-hashes -r requirements/uv.lock \
    && .venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements/${LOCK}.lock
COPY . .
RUN .venv/bin/python frontend/build.py && rm -rf node_modules frontend/node_modules

FROM python:${PYTHON}-slim
RUN useradd --create-home distiller && install -d -o distiller /var/lib/distiller
COPY --from=build /srv/distiller /srv/distiller
WORKDIR /srv/distiller
ARG REVISION=
ENV DISTILLER_REVISION=$REVISION PATH=/srv/distiller/.venv/bin:$PATH DISTILLER_HOME=/var/lib/distiller PYTHONUNBUFFERED=1
# Arrow's own pools keep the memory of a large result for the next one.
ENV ARROW_DEFAULT_MEMORY_POOL=system
USER distiller
VOLUME /var/lib/distiller
EXPOSE 8000
CMD ["gunicorn", "distiller.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "distiller.webworker.StayingWorker", "--workers", "2", "--threads", "96"]
