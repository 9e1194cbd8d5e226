#!/bin/sh
# The environments of peers that are no part of nextword's own: PyTorch with FastAPI.
# Usage: environments.sh [PYTHON]
# Which builds are fetched is for pip's own settings to say; the versions are in the results.
set -eu
if [ $# -gt 0 ]; then
    python=$(command -v "$1") || { echo "there is no Python named $1; name another: environments.sh PYTHON" >&2; exit 2; }
else
    python=$(command -v python3.11 || command -v python3)
fi
case $python in /*) ;; *) python=$PWD/$python ;; esac
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "the peers need Python 3.10 or newer, but $python is older; name another: environments.sh PYTHON" >&2; exit 1; }
cd "$(dirname "$0")"

# Usage: environment NAME PACKAGE...
environment() {
    name=$1
    shift
    "$python" -m venv "environments/$name"
    "environments/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

environment pytorch torch numpy fastapi uvicorn
environments/pytorch/bin/python -c 'import sys, torch; print(f"PyTorch {torch.__version__} in {sys.prefix}")'
