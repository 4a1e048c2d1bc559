"""What all tests share: the mirror of public images, a real browser, and the switch that forbids skipping."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
INSTALLED_APART = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """Under REGSEG_NO_SKIP a skip is a failure: what CI does not run, nobody knows to work."""
    report = yield
    if report.skipped and os.environ.get("REGSEG_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and REGSEG_NO_SKIP forbids it: {call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> str:
    """The address of the public images, set in REGSEG_DATA_MIRROR; by default a folder beside the checkout."""
    beside = ROOT.parent / "shared" / "data" / "mirror"
    if "REGSEG_DATA_MIRROR" not in os.environ:
        if not beside.is_dir():
            pytest.skip("the public images are not here: set REGSEG_DATA_MIRROR to a folder or server that has them")
        os.environ["REGSEG_DATA_MIRROR"] = str(beside)
    return os.environ["REGSEG_DATA_MIRROR"]


def find_browser() -> str | None:
    """The path of an installed Chromium, Chrome or Edge."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((path for path in INSTALLED_APART if Path(path).is_file()), None)


def install_browser() -> None:
    """Install Debian's Chromium where this is Debian and we may, else Playwright's own."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
    if find_browser() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import Error, sync_playwright

    if find_browser() is None:
        install_browser()
    with sync_playwright() as playwright:
        try:
            # Without an executable Playwright takes the Chromium that it installed itself.
            instance = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no Chromium, Chrome or Edge is installed, and none could be installed: {error.message}")
        yield instance
        instance.close()
