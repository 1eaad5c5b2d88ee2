"""Figures, what was aimed for, and whether it was reached."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "miss", "not measured", ""]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on tricast's figure: an absolute one, or a multiple of nchan's in the same run."""

    sense: Literal["at most", "at least"]
    bound: float
    of: Literal["value", "nchan"]

    def met_by(self, value: float) -> bool:
        return value <= self.bound if self.sense == "at most" else value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.sense == "at most" else "≥"
        return f"{sign} {self.bound:g} × nchan" if self.of == "nchan" else f"{sign} {self.bound:,g}"


def at_most(bound: float, *, of: Literal["value", "nchan"] = "value") -> Target:
    return Target("at most", bound, of)


def at_least(bound: float, *, of: Literal["value", "nchan"] = "value") -> Target:
    return Target("at least", bound, of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; None where a server was not measured."""

    scenario: str
    name: str
    unit: str
    tricast: float | None
    nchan: float | None = None
    floor: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Tricast's figure in units of nchan's."""
        return _ratio(self.tricast, self.nchan)

    @property
    def floor_ratio(self) -> float | None:
        """Tricast's figure in units of the floor's."""
        return _ratio(self.tricast, self.floor)

    @property
    def verdict(self) -> Verdict:
        if self.target is None:
            return ""
        judged = self.ratio if self.target.of == "nchan" else self.tricast
        if judged is None:
            return "not measured"
        return "pass" if self.target.met_by(judged) else "miss"


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
