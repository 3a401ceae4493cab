#!/bin/sh
# Runs in every SLURM job before its work. Snakemake locks its working directory, so jobs of an earlier run in it are
# what that run left behind when it was killed: they end before this job writes anything. A job that finds those of a
# later run is itself left behind, and ends.

[ -n "$SLURM_JOB_NAME" ] || exit 0       # a task of an array runs this again, in an environment without it
command -v squeue > /dev/null || exit 0  # a container or a node without SLURM's programs

others() {
  squeue --me --noheader --format='%A %j %Z' | while read -r job name folder; do
    case $name in
      "$SLURM_JOB_NAME") ;;
      darkroom_*) if [ "$folder" = "$SLURM_SUBMIT_DIR" ]; then echo "$job"; fi ;;
    esac
  done
}

for _ in $(seq 300); do  # seconds; a job of a node that does not answer is listed for longer, and writes no more
  orphans=$(others)
  [ -n "$orphans" ] || exit 0
  for job in $orphans; do
    if [ "$job" -gt "$SLURM_JOB_ID" ]; then
      echo "job $SLURM_JOB_ID is of a run that was killed; job $job is of a later one" >&2
      exit 1
    fi
  done
  scancel $orphans
  sleep 1
done
