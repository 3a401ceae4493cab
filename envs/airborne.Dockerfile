# The airborne pipeline as one command: darkroom process INPUT OUTPUT. Built from the root of the repository:
#   docker compose --file envs/compose.yaml build

# What handlers of any collection share: netCDF, HDF5, NCO, Python.
FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends hdf5-tools nco netcdf-bin \
 && rm -rf /var/lib/apt/lists/*
ENV MPLCONFIGDIR=/tmp PYTHONDONTWRITEBYTECODE=1

FROM base AS airborne
# The packages of envs/airborne.yaml, at the versions that the tests ran with.
COPY requirements.lock /darkroom/
RUN pip install --no-cache-dir --constraint /darkroom/requirements.lock \
      cf-units h5py jsonschema lxml matplotlib netcdf4 numpy pyyaml
COPY config/collections /darkroom/config/collections
COPY config/schemas /darkroom/config/schemas
COPY darkroom /darkroom/darkroom
COPY scripts /darkroom/scripts
ARG VERSION=latest
LABEL org.opencontainers.image.title="darkroom-airborne" org.opencontainers.image.version="${VERSION}"
WORKDIR /data
ENTRYPOINT ["python", "/darkroom/darkroom", "process"]
CMD ["input", "output"]
