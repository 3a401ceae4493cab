"""Files of the config are read within bounds before Snakemake reads them: what multiplies there would have no end."""

import os

from snakemake.exceptions import WorkflowError

from darkroom import yaml_files

for path in ["config/config.yaml", *map(str, workflow.overwrite_configfiles)]:
    if os.path.isfile(path) and not path.endswith(".json"):
        try:
            yaml_files.read(path)
        except ValueError as error:
            raise WorkflowError(f"this campaign cannot start:\n{error}") from None
