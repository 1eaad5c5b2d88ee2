"""Somebody who has a keyboard and no mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect
from tests.dashboard.desk import Desk

# Nowhere is it farther from one control to the next.
MOST_TABS = 80
# [what is wrong with where the focus is, about what a screen reader calls it]: '' where one sees it.
# (What is being drawn is given a moment.)
_LOOK = """async () => {
  const lost = () => {
    const at = document.activeElement;
    if (!at || at === document.body) return 'the focus is lost';
    if (at.matches('aside[tabindex="-1"], main')) return ''; // (all of it has just come)
    const said = at.outerHTML.slice(0, 160);
    const { left, right, top, bottom, width, height } = at.getBoundingClientRect();
    if (!width || !height) return `the focus is on what isn’t shown: ${said}`;
    if (bottom <= 0 || top >= innerHeight || right <= 0 || left >= innerWidth) return `the focus is out of sight: ${said}`;
    const rings = [at, at.closest('.tokens')].filter(Boolean).map((each) => getComputedStyle(each));
    if (!rings.some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1)) return `the focus isn’t drawn: ${said}`;
    const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
    const seen = document.elementFromPoint(Math.max(left, 0) + Math.min(width / 2, 20), y);
    if (seen && !at.contains(seen) && !seen.contains(at) && !seen.closest('.toasts')) return `the focus is under ${seen.outerHTML.slice(0, 120)}: ${said}`;
    return '';
  };
  const until = performance.now() + 1500;
  while (lost() && performance.now() < until) await new Promise(requestAnimationFrame);
  const at = document.activeElement;
  const by = (at.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
  const text = at.matches('input, select, textarea') ? at.labels?.[0]?.textContent : at.textContent;
  return [lost(), (at.getAttribute('aria-label') || by || text || at.title || at.tagName).trim()];
}"""  # noqa: E501


class Hands:
    """Keys alone. After each of them the focus must be somewhere, in sight, and drawn."""

    def __init__(self, at: Desk) -> None:
        self.at = at
        self.page = at.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.sees(f"after {key}")

    def type(self, text: str) -> None:
        self.sees()
        self.page.keyboard.type(text)

    def paste(self, text: str) -> None:
        """Over all that is there."""
        self.press("Control+a")
        self.page.keyboard.insert_text(text)
        self.sees()

    def sees(self, when: str = "") -> str:
        """That where the focus is, is seen; about what a screen reader calls it."""
        lost, name = self.page.evaluate(_LOOK)
        assert not lost, f"{lost} {when}"
        return str(name)

    def here(self, role: Any, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True).and_(self.page.locator(":focus"))

    def is_at(self, role: Any, name: str) -> None:
        """Without a key: the page has put one there."""
        expect(self.here(role, name), f"at {self.sees()}").to_have_count(1)

    def to(self, role: Any, name: str, *, back: bool = False) -> None:
        """Tab by Tab (or back) until one is there. (What is still being loaded is waited for.)"""
        expect(self.page.get_by_role(role, name=name, exact=True).first).to_be_attached()
        passed = [self.sees()]
        while not (name.startswith(passed[-1]) and self.here(role, name).count()):
            assert len(passed) <= MOST_TABS, f"no way to the {role} {name!r}; only to {passed}"
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
            passed.append(self.sees(f"on the way to the {role} {name!r}, after {passed}"))

    def fill(self, name: str, text: str, *, role: str = "textbox", back: bool = False) -> None:
        """Goes to a field, and types over what is there."""
        self.to(role, name, back=back)
        self.press("Control+a")
        self.type(text)

    def choose(self, name: str, label: str, *, back: bool = False) -> None:
        """Goes to a choice, and by arrow keys to one of its options: to that which begins so."""
        self.to("combobox", name, back=back)
        options, now = self.page.evaluate(
            "((at) => [[...at.options].map((each) => each.text), at.selectedIndex])(document.activeElement)"
        )
        steps = next(at for at, option in enumerate(options) if option.startswith(label)) - now
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
        self.sees()
        chosen = self.page.evaluate("document.activeElement.selectedOptions?.[0].text")
        assert str(chosen).startswith(label), (name, label, chosen)

    def push(self, name: str, *, role: str = "button", back: bool = False) -> None:
        """Goes to a button, and pushes it."""
        self.to(role, name, back=back)
        self.press("Enter")

    def order(self, until: str) -> list[str]:
        """The names of all that Tab goes to, up to and with one."""
        passed: list[str] = []
        while not passed or passed[-1] != until:
            assert len(passed) < MOST_TABS, passed
            self.page.keyboard.press("Tab")
            passed.append(self.sees())
        return passed


def open_by_keys(desk: Callable[..., Desk], app: str, key: str, part: int = 0) -> Hands:
    """From the list into the drawer, to one of its parts."""
    hands = Hands(desk(f"/#/flags?app={app}&env=development"))
    expect(hands.at.row(key)).to_be_visible()
    hands.press("j", "Enter")
    expect(hands.page.get_by_role("complementary", name=f"Flag {key}")).to_be_focused()
    expect(hands.page.get_by_role("tab", name="Targeting")).to_be_visible()
    if part:
        hands.to("tab", "Targeting")
        hands.press(*["ArrowRight"] * part)
    return hands


def is_saved(hands: Hands) -> None:
    expect(hands.page.locator(".saving-inside")).to_have_count(0)
    hands.sees()


def reason(hands: Hands, why: str) -> None:
    """What production asks for."""
    hands.is_at("textbox", "Reason")
    hands.type(why)
    hands.press("Enter")
