"""Who somebody is and what lies in their scope. Pure data (DESIGN: Roles and scopes)."""

from dataclasses import dataclass, field

ROLES = (
    "admin",
    "dispatcher",
    "desk",
    "call_centre",
    "branch_manager",
    "regional_manager",
    "keeper",
    "driver",
    "carrier",
    "customer",
    "claims",
    "finance",
    "engineer",
    "auditor",
)
SCOPE_KINDS = ("company", "branch", "site", "carrier", "customer", "vehicle")


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One role over one scope; `scope_id` is empty for the whole company."""

    role: str
    scope_kind: str = "company"
    scope_id: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever acts: a signed-in person, or the service itself."""

    id: str
    name: str
    grants: frozenset[Grant] = field(default_factory=frozenset)

    @property
    def roles(self) -> frozenset[str]:
        """The roles held, whatever their scope."""
        return frozenset(grant.role for grant in self.grants)

    @property
    def sees_all(self) -> bool:
        """True when one of the grants covers the whole company."""
        return any(grant.scope_kind == "company" for grant in self.grants)

    def scope_ids(self, kind: str) -> frozenset[str]:
        """Ids of one kind of scope that the grants name."""
        return frozenset(grant.scope_id for grant in self.grants if grant.scope_kind == kind)

    def has(self, *roles: str) -> bool:
        """True when one of `roles` is held. The administrator holds every role."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


SYSTEM = Principal("system", "system", frozenset({Grant("admin")}))
