#!/bin/sh
# Train in processes that Open MPI starts. MPI itself moves no data.
#
#     HOSTS=node1,node2 examples/processes/open_mpi.sh my-text.txt --preset quick --epochs 2 --run runs/mpi
#
# The text and the run directory must be on a file system that all hosts share.
set -eu
hosts=${HOSTS:-localhost:2}
first=${hosts%%[:,]*}
export KERAS_DISTRIBUTION_JOB_ADDRESSES="$first:${PORT:-23456}"
export NPROC="${NPROC:-1}"
exec mpirun --host "$hosts" -x KERAS_DISTRIBUTION_JOB_ADDRESSES -x NPROC ${MPIRUN_OPTIONS:-} \
    nextword train "$@" --strategy "${STRATEGY:-data-parallel}"
