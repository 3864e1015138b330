"""`python -m netlesion.cli.main`."""

from netlesion.cli.main import main

main()
