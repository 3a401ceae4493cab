# A conda environment of this folder as an image. Never built here. From the root of the repository:
#   docker build -f envs/conda.Dockerfile --build-arg FAMILY=atlas -t darkroom-atlas envs
# Families: atlas, copernicus, fetch, planetary, publish
FROM mambaorg/micromamba:2.0

ARG FAMILY
# The pin, where there is one (darkroom pin), has the exact packages.
COPY --chown=$MAMBA_USER:$MAMBA_USER ${FAMILY}.yaml ${FAMILY}.linux-64.pin.tx[t] /tmp/envs/
RUN file=/tmp/envs/${FAMILY}.linux-64.pin.txt; [ -f "$file" ] || file=/tmp/envs/${FAMILY}.yaml; \
    micromamba install --yes --name base --file "$file" \
    && micromamba clean --all --yes

ENV PATH=/opt/conda/bin:$PATH
