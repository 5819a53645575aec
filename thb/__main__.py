"""`python -m thb` is `thb`."""

from thb.cli.main import main

main()
