# The environment of isis.yaml as an image. Never built here. From the root of the repository:
#   docker build -f envs/isis.Dockerfile -t darkroom-isis envs
# ISISDATA is mounted, never in the image (docker run -v /where/it/is:/isis/data; apptainer --bind).
FROM mambaorg/micromamba:2.0

COPY --chown=$MAMBA_USER:$MAMBA_USER isis.yaml /tmp/isis.yaml
RUN micromamba config set channel_priority flexible \
    && micromamba install --yes --name base --file /tmp/isis.yaml \
    && micromamba clean --all --yes

ENV ISISROOT=/opt/conda \
    ISISDATA=/isis/data \
    PATH=/opt/conda/bin:$PATH
