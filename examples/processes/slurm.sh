#!/bin/sh
#SBATCH --job-name=nextword
#SBATCH --ntasks=2
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#
# Train in the tasks of a Slurm job:
#
#     sbatch examples/processes/slurm.sh my-text.txt --preset quick --epochs 2 --run runs/slurm
#
# The text and the run directory must be on a file system that all nodes share.
set -eu
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export KERAS_DISTRIBUTION_JOB_ADDRESSES="$first:$((20000 + SLURM_JOB_ID % 20000))"
export NPROC="${SLURM_CPUS_PER_TASK:-1}"
srun nextword train "$@" --strategy "${STRATEGY:-data-parallel}"
