"""The one error of the local stack."""


class StackError(Exception):
    """The local stack cannot do what was asked. The message says why, and what to do."""


class AlreadyRunning(StackError):
    """Another supervisor holds this state folder."""
