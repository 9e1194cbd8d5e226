"""`python -m nextword`: the command line."""

from nextword.cli.main import main

main()
