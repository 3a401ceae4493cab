# The calcium pipeline with IDPS as one command. Built from the root of the repository; never built here:
#   docker compose --file envs/compose.yaml --profile calcium build calcium
# IDPS is no part of the image: its installer is mounted read-only, and what it installs lies in the volume /cache.
# glibc is 2.36 (Debian 12); IDPS 1.9.6 asks for 2.32.
FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libglib2.0-0 libgomp1 \
 && rm -rf /var/lib/apt/lists/*
# What the workflow runs with, and what isx imports besides.
COPY requirements.lock /darkroom/
RUN pip install --no-cache-dir --requirement /darkroom/requirements.lock \
 && pip install --no-cache-dir openpyxl==3.1.5 scikit-learn==1.9.1
COPY Snakefile /darkroom/Snakefile
COPY darkroom /darkroom/darkroom
COPY config/collections /darkroom/config/collections
COPY config/schemas /darkroom/config/schemas
COPY config/recipes.yaml /darkroom/config/recipes.yaml
COPY envs /darkroom/envs
COPY rules /darkroom/rules
COPY scripts /darkroom/scripts
COPY envs/calcium /config
RUN useradd --create-home --uid 1000 darkroom \
 && mkdir --mode 1777 /cache /data /output
ARG VERSION=latest
LABEL org.opencontainers.image.title="darkroom-calcium" org.opencontainers.image.version="${VERSION}"
ENV MPLCONFIGDIR=/tmp NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1 XDG_CACHE_HOME=/tmp/cache
USER darkroom
WORKDIR /output
# Whether the IDPS in /cache is whole and isx can be imported, once the first start has had time to install it.
HEALTHCHECK --interval=5m --timeout=2m --start-period=20m \
  CMD ["python", "/darkroom/darkroom", "idps", "/cache/idps"]
ENTRYPOINT ["python", "/darkroom/darkroom", "once"]
CMD ["/config/config.yaml"]
