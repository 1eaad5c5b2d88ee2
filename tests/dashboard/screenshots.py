"""The pictures of docs/dashboard.md: `python -m tests.dashboard.screenshots [FOLDER]`.

A real server with a team, flags and load, in Chromium; the calendar stands still, so that
the same is on them each time. Needs `chromium` and `pngquant`.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tests.clients.present import command
from tests.dashboard.browser import OPTIONS
from tests.dashboard.rehearsal import NOW, Stage, staged
from tests.dashboard.scene import APP

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MOST_BYTES = 1_200_000
_FLAGS = f"/#/flags?app={APP}&env=production"
_ONE = f"/#/flags/{{}}?app={APP}&env=production&tab={{}}"


@dataclass(frozen=True, slots=True)
class Studio:
    """Opens the pages of people, and takes the pictures."""

    browser: Browser
    stage: Stage
    folder: Path
    stack: ExitStack

    def open(
        self, login: str | None, path: str, *, size: tuple[int, int] = (1280, 800), dark: bool = False
    ) -> Page:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        self.stack.callback(context.close)
        if login is not None:
            cookie = self.stage.cookies[login]
            context.add_cookies([{"name": "tricast_session", "value": cookie, "url": self.stage.server.url}])
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.goto(f"{self.stage.server.url}{path}")
        if login is not None:
            page.locator(".link-state.live").wait_for()
        return page

    def take(self, page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        page.evaluate("document.fonts.ready")
        page.evaluate("() => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))")
        page.screenshot(path=self.folder / f"{name}.png", animations="disabled", caret="hide")
        sys.stdout.write(f"{name}\n")


def take_all(studio: Studio) -> None:
    with studio.stage.load():
        people(studio)
        records(studio)
        studio.stage.an_hour_of_load()
        page = studio.open("maya", f"/#/connections?app={APP}")
        page.locator("main table tbody tr").first.wait_for()
        studio.take(page, "connections")
    page = studio.open(None, "/")
    page.get_by_role("button", name="Sign in").wait_for()
    studio.take(page, "door")


def people(studio: Studio) -> None:
    """Who is here: Ben edits, Yuki looks at a flag, Sam at the list."""
    ben = studio.open("ben", _ONE.format("new-checkout", ""))
    yuki = studio.open("yuki", _ONE.format("search-ranking", ""))
    studio.open("sam", _FLAGS)
    ben.get_by_role("tab", name="Details").click()
    ben.get_by_label("Description").click()
    for name, options in {
        "flags": {},
        "flags-dark": {"dark": True},
        "narrow": {"size": (390, 800)},
    }.items():
        page = studio.open("maya", _FLAGS, **options)  # type: ignore[arg-type]
        page.locator(".virtual .avatar.editing").first.wait_for(state="attached")
        page.locator(".topbar .avatars .avatar").nth(2).wait_for(state="attached")
        studio.take(page, name)
        page.close()
    page = studio.open("maya", _ONE.format("new-checkout", "targeting"))
    page.locator(".drawer-body [data-place]").first.wait_for()
    studio.take(page, "editor")
    page.close()
    ben.get_by_label("Description").fill("The whole order on one page")
    with studio.stage.http("yuki") as http:
        studio.stage.change(
            http, "new-checkout", {"description": "One page instead of three steps"}, "clearer"
        )
    ben.get_by_role("group", name="Description: two values").wait_for()
    studio.take(ben, "together")
    for each in (ben, yuki):
        each.close()


def records(studio: Studio) -> None:
    for name in ("activity", "audit"):
        page = studio.open("maya", f"/#/{name}?app={APP}")
        page.locator("main .avatar, main tbody tr").first.wait_for()
        studio.take(page, name)
        page.close()
    page = studio.open("maya", f"/#/events?app={APP}&topic={APP}/orders/**&from=earliest")
    page.locator(".event-line").nth(7).wait_for()
    page.get_by_role("button", name="Pause").click()
    studio.take(page, "events")
    page.close()
    page = studio.open("maya", f"/#/settings/people?app={APP}")
    page.get_by_text("Yuki Tanaka").first.wait_for()
    studio.take(page, "settings")
    page.close()


def press_together(folder: Path) -> int:
    """Makes the pictures small; their bytes."""
    files = sorted(folder.glob("*.png"))
    quantize = command("pngquant", "pngquant")
    subprocess.run(
        [
            quantize,
            "--force",
            "--ext",
            ".png",
            "--skip-if-larger",
            "--speed",
            "1",
            "--strip",
            "--quality",
            "70-95",
            *files,
        ],
        check=True,
    )
    return sum(file.stat().st_size for file in files)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = command("chromium", "chromium")
    with staged() as stage, sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        stack.callback(browser.close)
        take_all(Studio(browser, stage, folder, stack))
    total = press_together(folder)
    sys.stdout.write(f"{total / 1024:.0f} KiB\n")
    return 0 if total <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
