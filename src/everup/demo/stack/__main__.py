"""Runs one service of the reference stack: ``python -m everup.demo.stack NAME``."""

import sys

from everup.demo.stack.runner import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
