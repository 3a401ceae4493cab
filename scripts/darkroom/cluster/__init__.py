"""What SLURM says of jobs."""
