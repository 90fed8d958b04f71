"""`python -m infra.stack`: the supervisor that `up(settings, detach=True)` starts."""

import sys

from infra.settings import load_settings
from infra.stack import StackError, supervise

try:
    supervise(load_settings())
except StackError as error:
    sys.exit(str(error))
