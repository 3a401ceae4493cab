"""The checked campaign, and the names that rules have for its places and rows."""

import os

from snakemake.exceptions import WorkflowError

from darkroom.campaign import Campaign, CampaignError, Pipeline, planning
from darkroom.campaign.batches import batches
from darkroom.campaign.inputs import files_of, local_source, minutes
from darkroom.campaign.sheet import DATASET

PLACES = workflow.pathvars  # ours, also where this workflow is a module: functions run when `workflow` is its user's


def or_refuse(step, *arguments):
    """What a step of the start makes. Where the campaign cannot start, Snakemake says why and ends."""
    try:
        return step(*arguments)
    except CampaignError as error:
        raise WorkflowError(str(error)) from None


CAMPAIGN = or_refuse(Campaign, config, ", ".join(map(str, workflow.configfiles)) or "config", PLACES.apply)
if len(CAMPAIGN.rows) >= planning.LARGE:
    planning.quicken()


def row(wildcards):
    """The row of the dataset of a job."""
    return CAMPAIGN[wildcards.dataset]


def option(key):
    """An option of the dataset of a job."""
    return lambda wildcards: row(wildcards).options[key]


def whole_source(wildcards, attempt):
    """Minutes for a step that reads all of a source: its inventory, which is its input, is small whatever it lists."""
    return minutes(CAMPAIGN.source_bytes(wildcards.dataset), attempt)


def share_of_source(wildcards, attempt):
    """Minutes for a job that reads a share of a source."""
    return minutes(CAMPAIGN.source_bytes(wildcards.dataset) // int(wildcards.parts), attempt)
