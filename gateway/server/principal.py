"""Who is asking: the tenant and role that a token stands for. Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may: see its tenant's tasks; hand in and cancel; everything, of every tenant."""


@dataclass(frozen=True)
class Principal:
    token_id: str
    """Names the token without being it: for logs, limits and `headway token revoke`."""
    name: str
    """What the token was made for, in words; stands in commands and experiments as who did it."""
    tenant_id: str
    role: Role
    expires_at: int | None
    """When the token ends [µs, UTC]; null: never."""
    is_local: bool = False
    """Whether it is the token of whoever works on the gateway's machine."""

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, tenant_id: str) -> bool:
        return self.role == "admin" or tenant_id == self.tenant_id

    @property
    def tenant(self) -> str | None:
        """The one tenant whose things may be seen; null: all of them."""
        return None if self.role == "admin" else self.tenant_id
