"""The one error a user can cause."""


class ToolkitError(Exception):
    """A mistake its user can mend.

    The message is one line: what was found, what was expected, what to do next. The command line
    prints it without a traceback and exits with 1.
    """
