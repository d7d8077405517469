"""A headless Chromium, driven over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import base64
import json
import shutil
import subprocess
import time
from itertools import count

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable():
    """The path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser of its own. `events` are all that it has sent so far."""

    def __init__(self, profile):
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*",
                   f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
        self.process = subprocess.Popen([executable(), *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.numbers, self.events = count(1), []
        self.socket = websocket.create_connection(self._address(profile), timeout=60)
        self.session = None
        (target, *_) = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)

    def _address(self, profile):
        """Of the browser's socket, which it writes down once it listens."""
        path = profile / "DevToolsActivePort"
        for _ in range(600):
            assert self.process.poll() is None, "Chromium ended"
            if path.exists() and len(lines := path.read_text().splitlines()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.1)
        raise AssertionError("Chromium does not listen after 60 s")

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)

    def ask(self, method, **params):
        """Sends a command; returns its result."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        self.socket.send(json.dumps(message | ({"sessionId": self.session} if self.session else {})))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width=1440, height=900, *, dark=False, reduced=False):
        """Opens a file in a window of that size, and waits until it is loaded."""
        phone = width < 500
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features.append({"name": "prefers-reduced-motion", "value": "reduce" if reduced else "no-preference"})
        self.ask("Emulation.setEmulatedMedia", media="screen", features=features)
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while self.run("document.readyState") != "complete":
            time.sleep(0.02)
        self.run("document.fonts.ready.then(() => 1)")

    def run(self, script):
        """The value of an expression of JavaScript."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, number, text=""):
        """Presses a key, by its name and its number, and lets it go; `text` is what it types."""
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        for event in (down, {"type": "keyUp"}):
            self.ask("Input.dispatchKeyEvent", **event, key=key, code=key, windowsVirtualKeyCode=number)

    def pdf(self):
        """The page as it is printed."""
        self.ask("Emulation.setEmulatedMedia", media="print")
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])

    def screenshot(self, path, clip=None):
        """The window, or a part of the whole page (x y width height)."""
        area = {}
        if clip:
            area = {"clip": dict(zip(("x", "y", "width", "height"), clip, strict=True)) | {"scale": 1}}
            area |= {"captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", **area)["data"]))
