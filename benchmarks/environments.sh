#!/bin/sh
# The environments of peers that are no part of nextword's own: PyTorch.
# Usage: environments.sh [PYTHON]
# Which build of PyTorch is fetched is for pip's own settings to say; any will do, and its version is in the results.
set -eu
cd "$(dirname "$0")"
python=${1:-$(command -v python3.11 || command -v python3)}
"$python" -m venv environments/pytorch
environments/pytorch/bin/python -m pip install --quiet --disable-pip-version-check torch numpy
environments/pytorch/bin/python -c 'import sys, torch; print(f"PyTorch {torch.__version__} in {sys.prefix}")'
