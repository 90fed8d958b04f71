"""What can go wrong for the person at the front door, by what they can do about it.

GatewayError    the thing asked about failed                    exit code 1
├── BadInput    change what was typed                           exit code 2
└── Unreachable start the line, or correct its address          exit code 3
"""


class GatewayError(Exception):
    """One sentence that says what is wrong and what to do."""

    exit_code = 1


class BadInput(GatewayError):
    exit_code = 2


class Unreachable(GatewayError):
    exit_code = 3
