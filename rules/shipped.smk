"""What scripts need beside themselves, named for a workflow that comes from a Git host: only named files come along."""

with open(workflow.source_path("../scripts/shipped.txt")) as file:
    for name in file.read().split():
        workflow.source_path(f"../{name}")
