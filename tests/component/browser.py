"""A real browser without a window: any Chromium of this machine, by its own DevTools protocol."""

from __future__ import annotations

import asyncio
import os
import shutil
from base64 import b64decode
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import aiohttp

from local_stack.guarded import new_directory, start_guarded
from local_stack.waiting import wait_for

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_OPTIONS = ("--headless", "--remote-debugging-port=0", "--disable-gpu", "--no-first-run")
_PORT_FILE = "DevToolsActivePort"
_ANSWER_SECONDS = 60.0


def find_browser() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at: how wide, on what, and by day or by night."""

    width: int
    media: str = "screen"
    scheme: str = "light"

    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the browser has to be told."""
        size = {"width": self.width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": self.scheme}
        return [
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", {"media": self.media, "features": [scheme]}),
        ]


@dataclass(slots=True)
class _Tab:
    """One page, and what it has told without being asked."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    async def call(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters or {}})
        while True:
            message = await self.socket.receive_json(timeout=_ANSWER_SECONDS)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    async def until(self, event: str) -> None:
        while not any(each["method"] == event for each in self.events):
            self.events.append(await self.socket.receive_json(timeout=_ANSWER_SECONDS))


class Browser:
    """A running browser. It is told by a file of its own on which port it listens."""

    def __init__(self, program: str) -> None:
        directory = new_directory("browser")
        options = [*_OPTIONS, f"--user-data-dir={directory}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # which it has not for root
        self._command = start_guarded(
            [program, *options, "about:blank"], directory, {"PATH": os.environ["PATH"]}
        )
        self._runner = asyncio.Runner()
        port_file = directory / _PORT_FILE
        wait_for(port_file.exists, description="the browser's port")
        self._address = f"http://127.0.0.1:{port_file.read_text().split()[0]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()
        self._command.close()

    def evaluate(self, page: Path, look: Look, expression: str) -> Any:
        """Return what a JavaScript expression comes to on a page. It is not the page's own."""
        asked = ("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        return self._visited(page, look, *asked)[0]["result"].get("value")

    def picture(self, page: Path, look: Look) -> bytes:
        """Return a page as PNG, in its whole height."""
        asked = ("Page.captureScreenshot", {"captureBeyondViewport": True})
        return b64decode(self._visited(page, look, *asked)[0]["data"])

    def pdf(self, page: Path) -> bytes:
        """Return a page as it is printed."""
        return b64decode(self._visited(page, Look(1280), "Page.printToPDF", {})[0]["data"])

    def requests(self, page: Path) -> list[str]:
        """Return the addresses that a page asks for, its own among them."""
        _, events = self._visited(page, Look(1280), "Page.getLayoutMetrics", {})
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _visited(self, page: Path, look: Look, method: str, parameters: dict[str, Any]) -> Any:
        return self._runner.run(self._visit(page, look, method, parameters))

    async def _visit(self, page: Path, look: Look, method: str, parameters: dict[str, Any]) -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{self._address}/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = _Tab(socket)
                for enabled in ("Page.enable", "Network.enable"):
                    await tab.call(enabled)
                for command in look.commands():
                    await tab.call(*command)
                await tab.call("Page.navigate", {"url": page.as_uri()})
                await tab.until("Page.loadEventFired")
                answer = await tab.call(method, parameters)
            async with session.get(f"{self._address}/json/close/{target['id']}"):
                return answer, tab.events
