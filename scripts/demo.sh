#!/bin/sh
# Train on the sample text that comes with nextword, then look at what was learned.
# Usage: demo.sh NEXTWORD RUN_DIRECTORY
set -eu
nextword=$1
run=$2

step() { printf '\n\033[1m$ nextword %s\033[0m\n' "$*"; }

if [ -f "$run/model/config.json" ]; then
    echo "there is already a demo model in $run; remove that directory to train again"
elif [ -f "$run/config.toml" ]; then
    step train --resume "$run"
    "$nextword" train --resume "$run"
else
    step train austen --preset quick --run "$run"
    "$nextword" train austen --preset quick --run "$run"
fi
step evaluate "$run" --split test
"$nextword" evaluate "$run" --split test
step compare "$run" --split test --html "$run/comparison.html"
"$nextword" compare "$run" --split test --html "$run/comparison.html"
step suggest "$run" '"I am very much"' -k 5
"$nextword" suggest "$run" "I am very much" -k 5
step generate "$run" --prompt '"She was"' --words 60 --temperature 0.8 --seed 1
"$nextword" generate "$run" --prompt "She was" --words 60 --temperature 0.8 --seed 1
printf '\nThe report is %s: open it in a browser. The model is %s, its curves %s.\n' \
    "$run/comparison.html" "$run/model" "$run/curves.png"
