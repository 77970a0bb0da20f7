"""`python -m ttur` is `ttur`."""

from ttur.cli import main

main()
