"""What is to be made: config, sheet, options, the table of pipelines, batches, plans of large campaigns."""

from darkroom.campaign.campaign import Campaign, CampaignError
from darkroom.campaign.pipelines import Pipeline

__all__ = ["Campaign", "CampaignError", "Pipeline"]
