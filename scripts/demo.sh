#!/bin/sh
# Train on the sample text that comes with nextword, and use the model.
# Usage: demo.sh NEXTWORD RUN_DIRECTORY
set -eu
nextword=$1
run=$2

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
    bold='' plain=''
fi

# Print a command and run it. What is shown can be typed again: words with spaces are in quotes.
step() {
    printf '\n%s$ nextword' "$bold"
    for word in "$@"; do
        case $word in
            *\ *) printf ' "%s"' "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    printf '%s\n' "$plain"
    "$nextword" "$@"
}

if [ -f "$run/model/config.json" ]; then
    echo "$run has a trained model already. To train again, remove the directory."
elif [ -f "$run/config.toml" ]; then
    step train --resume "$run"
else
    # The time decides the size of the model, so that this takes two minutes on any processor.
    step train austen --minutes 2 --run "$run" || {
        code=$?
        [ "$code" -eq 2 ] || exit "$code"
        echo "Training for two minutes failed, as said above. If the machine is too slow or too busy, this takes longer but works:"
        step train austen --preset quick --run "$run"
    }
fi
step evaluate "$run" --split test
step compare "$run" --split test
step suggest "$run" "I am very much" -k 5
step generate "$run" --prompt "She was" --max-tokens 60 --temperature 0.8 --seed 1
step export "$run" --html "$run/page.html"

cat <<END

Open this file in a browser first: $run/page.html
It is the model as one page, without a server: type, read, write, and look inside.

Then:
  $nextword suggest $run "the text so far"       suggest the next word
  $nextword train FILE --minutes 10              train on a text of your own
  $nextword --help                               list all commands
END
