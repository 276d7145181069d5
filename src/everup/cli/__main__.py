"""`python -m everup.cli`, used by `everup up --detach` to start itself again."""

from everup.cli import main

main()
