#!/bin/sh
# The environments of peers that are no part of nextword's own: PyTorch.
# Usage: environments.sh [PYTHON]
# Which build of PyTorch is fetched is for pip's own settings to say; any will do, and its version is in the results.
set -eu
python=$(command -v "${1:-python3.11}" || command -v python3)
case $python in /*) ;; *) python=$PWD/$python ;; esac
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "PyTorch's peers need Python 3.10 or newer, but $python is older; name another: environments.sh PYTHON" >&2; exit 1; }
cd "$(dirname "$0")"
"$python" -m venv environments/pytorch
environments/pytorch/bin/python -m pip install --quiet --disable-pip-version-check torch numpy
environments/pytorch/bin/python -c 'import sys, torch; print(f"PyTorch {torch.__version__} in {sys.prefix}")'
