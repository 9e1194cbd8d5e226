"""How fast nextword trains, beside all its peers: `nextword benchmark --only all`, with the same options.

python benchmarks/training.py --json training.json --plot training.svg
"""

import sys

from nextword.cli.main import main

if __name__ == "__main__":
    main(["benchmark", "--only", "all", *sys.argv[1:]])
