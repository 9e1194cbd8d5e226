"""How the cost of a word grows in training: `nextword benchmark --scaling`, with the same options.

python benchmarks/scaling.py --json scaling.json --plot scaling.svg
"""

import sys

from nextword.cli.main import main

if __name__ == "__main__":
    main(["benchmark", "--scaling", *sys.argv[1:]])
