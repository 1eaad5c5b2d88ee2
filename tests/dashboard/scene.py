# ruff: noqa: E501 (a table)
"""A believable team and its flags, for the screenshots."""

from __future__ import annotations

from typing import Any

APP = "shop"
ENVIRONMENTS = ["development", "staging", "production"]
# login: name, role
PEOPLE = {
    "maya": ("Maya Lindqvist", "admin"),
    "ben": ("Ben Okafor", "editor"),
    "yuki": ("Yuki Tanaka", "editor"),
    "sam": ("Sam Reyes", "viewer"),
}
ON = {"state": "ENABLED", "defaultVariant": "on"}
OFF = {"state": "DISABLED", "defaultVariant": "on"}
_STAFF = {"ends_with": [{"var": "email"}, "@shop.example"]}


def _for_staff(rest: str) -> dict[str, Any]:
    return {"state": "ENABLED", "defaultVariant": rest, "targeting": {"if": [_STAFF, "on"]}}


def _split(*shares: tuple[str, int]) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "defaultVariant": shares[0][0],
        "targeting": {"fractional": [[name, share] for name, share in shares]},
    }


_CHECKOUT = {
    "state": "ENABLED",
    "defaultVariant": "off",
    "targeting": {
        "if": [
            _STAFF,
            "on",
            {"in": [{"var": "country"}, ["NL", "BE", "DE"]]},
            {"fractional": [["on", 25], ["off", 75]]},
        ]
    },
}


def _flag(
    key: str,
    description: str,
    tags: str,
    owner: str,
    *there: dict[str, Any],
    type: str = "boolean",
    variants: dict[str, Any] | None = None,
) -> dict[str, Any]:
    made = {
        "key": key,
        "type": type,
        "description": description,
        "tags": tags.split(),
        "owner": owner,
        "environments": dict(zip(ENVIRONMENTS, there, strict=True)),
    }
    return made if variants is None else made | {"variants": variants}


_BANNER = {"none": "", "spring": "Spring sale: 20 % off", "shipping": "Free shipping over € 50"}
_PAYING = {"classic": {"provider": "classic", "retries": 1}, "swift": {"provider": "swift", "retries": 3}}
_LIMITS = {"low": 20, "normal": 50, "high": 200}
_RANKS = {"popular": "popular", "personal": "personal", "newest": "newest"}


def _value(variant: str, state: str = "ENABLED") -> dict[str, Any]:
    return {"state": state, "defaultVariant": variant}


FLAGS = [
    _flag("new-checkout", "One page instead of three", "checkout q4", "payments", ON, ON, _CHECKOUT),
    _flag("apple-pay", "Apple Pay in the basket", "checkout", "payments", ON, ON, _split(("on", 10), ("off", 90))),
    _flag("banner", "The line above every page", "content", "marketing", *[_value("spring")] * 2, _value("none"), type="string", variants=_BANNER),
    _flag("basket-limit", "The most items in one basket", "limits", "platform", *[_value("high")] * 2, _value("normal"), type="number", variants=_LIMITS),
    _flag("dark-mode", "Follow the system’s colours", "ui", "web", ON, ON, ON),
    _flag("express-returns", "Returns without a printed label", "returns", "logistics", ON, _for_staff("off"), OFF),
    _flag("gift-cards", "Sell and redeem gift cards", "checkout q4", "payments", ON, OFF, OFF),
    _flag("guest-orders", "Order without an account", "checkout", "payments", ON, ON, ON),
    _flag("image-cdn", "Product pictures from the new CDN", "platform", "platform", ON, ON, _split(("on", 50), ("off", 50))),
    _flag("loyalty-points", "Points for every order", "growth", "growth", ON, _for_staff("off"), _for_staff("off")),
    _flag("payment-provider", "Who takes the money", "checkout kill-switch", "payments", *[_value("swift")] * 2, _value("classic"), type="object", variants=_PAYING),
    _flag("product-reviews", "Stars and texts below a product", "content", "web", ON, ON, ON),
    _flag("search-ranking", "What comes first in the search", "search experiment", "search", _value("personal"), _split(("popular", 50), ("personal", 50)), _split(("popular", 60), ("personal", 30), ("newest", 10)), type="string", variants=_RANKS),
    _flag("slow-image-fallback", "Small pictures for slow connections", "ui", "web", ON, OFF, OFF),
    _flag("stock-warnings", "“Only 3 left”", "content", "growth", ON, ON, OFF),
    _flag("two-step-sign-in", "A code after the password", "security", "platform", ON, ON, _for_staff("off")),
]  # fmt: skip

# Minutes before the picture, who, flag, environment, on, why.
SWITCHES: list[tuple[int, str, str, str, bool, str]] = [
    (60 * 72, "ben", "dark-mode", "production", False, "contrast of the footer is too low"),
    (60 * 70, "yuki", "dark-mode", "production", True, "footer fixed in 4.12"),
    (60 * 52, "maya", "guest-orders", "production", False, "fraud check first, SHOP-311"),
    (60 * 49, "maya", "guest-orders", "production", True, "fraud check is live, SHOP-311"),
    (60 * 30, "ben", "stock-warnings", "staging", False, "wrong count for bundles"),
    (60 * 26, "ben", "stock-warnings", "staging", True, "bundles are counted now"),
    (60 * 9, "yuki", "product-reviews", "production", False, "moderation queue is full"),
    (60 * 7, "yuki", "product-reviews", "production", True, "queue is empty again"),
    (180, "ben", "image-cdn", "production", False, "errors from the second region"),
    (126, "ben", "image-cdn", "production", True, "region is back, on with 50 %"),
    (58, "maya", "gift-cards", "staging", True, "for the review on Thursday"),
    (41, "yuki", "gift-cards", "staging", False, "totals are wrong with two cards"),
    (18, "ben", "express-returns", "production", True, "pilot with the Utrecht warehouse"),
    (12, "ben", "express-returns", "production", False, "labels were printed anyway"),
    (6, "maya", "stock-warnings", "production", True, "launch"),
]
# Minutes before the picture, who, flag, what, why.
EDITS: list[tuple[int, str, str, dict[str, Any], str]] = [
    (60 * 120, "yuki", "search-ranking", {"description": "What comes first in the search"}, "clearer"),
    (60 * 20, "maya", "apple-pay", {"environments": {"production": _split(("on", 20), ("off", 80))}}, "no more errors at 10 %"),
    (60 * 4, "ben", "new-checkout", {"environments": {"production": {"targeting": {"if": [_STAFF, "on", {"in": [{"var": "country"}, ["NL", "BE"]]}, {"fractional": [["on", 25], ["off", 75]]}]}}}}, "Germany waits for its invoices"),
    (75, "ben", "new-checkout", {"environments": {"production": {"targeting": _CHECKOUT["targeting"]}}}, "invoices are right, SHOP-298"),
    (26, "yuki", "payment-provider", {"environments": {"staging": {"defaultVariant": "classic"}}}, "swift’s sandbox is down"),
]  # fmt: skip
SERVICES = ("checkout-service", "search-api", "warehouse", "web-shop", "mobile-app", "data-lake")
