"""``python -m cli``: the same as ``linnet``."""

from cli.main import main

main()
