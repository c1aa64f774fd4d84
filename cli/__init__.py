"""The ``linnet`` command. Each module is imported only by the command that needs it."""
