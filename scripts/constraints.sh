#!/bin/sh
# Print the versions installed in an environment as constraints: names and numbers, no addresses.
# Usage: constraints.sh PYTHON
set -eu
echo "# Versions that nextword is tested with; made by \`make constraints\`."
"$1" -m pip --disable-pip-version-check list --format=freeze --exclude-editable --exclude pip --exclude nextword
