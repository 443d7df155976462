"""The commands of the command line, one module each; see :data:`smpcheck.cli.COMMANDS`."""
