# One image for every process; the command chooses which: web, live, worker, beat, migrate or a management command.

FROM node:24-slim AS widget
WORKDIR /build/widget
COPY widget/package.json widget/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY widget/ ./
RUN npm run build

FROM python:3.13-slim AS python
WORKDIR /opencom
COPY bin/uv.lock bin/uv.lock
RUN python -m venv /uv && /uv/bin/pip install --no-cache-dir --require-hashes -r bin/uv.lock
COPY pyproject.toml requirements.lock ./
# What pyproject.toml depends on and nothing of its groups, each file checked against the lock's hash.
RUN /uv/bin/uv venv .venv \
 && /uv/bin/uv pip install --no-cache --compile-bytecode --python .venv --require-hashes -r pyproject.toml -c requirements.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin opencom \
 && install -d -o opencom -g opencom -m 0700 /media
WORKDIR /opencom
ENV PATH=/opencom/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    HOST=0.0.0.0 \
    MEDIA_ROOT=/media \
    STATE_DIR=/tmp
COPY --from=python /opencom/.venv .venv
COPY manage.py pyproject.toml ./
COPY bin/opencom bin/opencom
COPY opencom_project opencom_project
COPY apps apps
COPY templates templates
COPY static static
COPY --from=widget /build/widget/dist widget/dist
# The secret is for this step alone; a process without one of its own refuses to start.
RUN python -m compileall -q manage.py opencom_project apps \
 && SECRET_KEY=only-while-building-the-image-and-never-afterwards-0123456789 \
    ENCRYPTION_KEYS=only-while-building-never-afterwards-012345 DATABASE_URL=postgres://unused REDIS_URL= \
    PUBLIC_URL=https://localhost ALLOWED_HOSTS=localhost python manage.py collectstatic --no-input --verbosity 0
USER opencom
EXPOSE 8000 8001
ENTRYPOINT ["/opencom/bin/opencom"]
CMD ["web"]
