"""One camera in each file: how its products are told, ingested and calibrated."""
