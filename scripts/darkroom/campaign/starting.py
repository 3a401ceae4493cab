"""Whether a start of Snakemake is to make something, or only to look."""

import re

LOOKS = re.compile(
    r"-[a-zA-Z]*n[a-zA-Z]*|-[lDR]|--(dry-?run|lint|summary|detailed-summary|unlock|dag|rulegraph|filegraph|d3dag|report"
    r"|list(-\w+)*|containerize|archive|cleanup-\w+|delete-\w+-output|conda-\w+-only|version|help)(=.*)?"
)


def only_looks(arguments: list[str]) -> bool:
    """Whether these arguments of Snakemake ask for a plan, a list or the like, and not for a run."""
    return any(LOOKS.fullmatch(argument) for argument in arguments)
