"""What all tests share: the public images, a clean environment, a real browser, the switch that forbids skipping."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lessonkit.paper import find_browser
from regseg import data

ROOT = Path(__file__).resolve().parents[1]


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


@pytest.fixture(autouse=True)
def _clean_environment():
    """What a test, or what it calls, sets in the environment ends with it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


# The registered images that a test may need: 30 MB. The others, of several hundred, are read by no cell that is run.
PUBLIC_IMAGES = [name for name in data.names() if data.card(name).hash.startswith("sha256:")]
NO_IMAGES = "the public images are not here"


@pytest.fixture(scope="session")
def public_images() -> list[str]:
    """Their names; they lie in the cache, fetched (from REGSEG_DATA_MIRROR, if it is set) and verified."""
    for name in PUBLIC_IMAGES:
        try:
            data.path(name)
        except data.DataError as problem:
            why = " ".join(str(problem).partition("\nTry again")[0].split())
            pytest.skip(f"{NO_IMAGES}: {why}")
    return PUBLIC_IMAGES


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """The last line names the tests that lacked the public images."""
    yield
    reports = [report for found in ("skipped", "error") for report in terminalreporter.stats.get(found, [])]
    lacking = Counter(report.nodeid.split("::")[0] for report in reports if NO_IMAGES in str(report.longrepr))
    if lacking:
        files = ", ".join(f"{file} ({count})" for file, count in sorted(lacking.items()))
        what = "set REGSEG_DATA_MIRROR, or go where there is a network, for the tests that need the public images"
        terminalreporter.write_line(f"{what}: {files}", yellow=True)


def install_browser() -> None:
    """Install Debian's Chromium where this is Debian and we may, else Playwright's own."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
    if find_browser() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


@pytest.fixture(scope="session")
def browser_path() -> str | None:
    """The path of a browser, now installed if need be; without one Playwright takes the Chromium that it installed."""
    if find_browser() is None:
        install_browser()
    return find_browser()


@pytest.fixture(scope="session")
def browser(browser_path):
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import Error, expect, sync_playwright

    expect.set_options(timeout=60_000)  # a busy computer is slow, not wrong
    with sync_playwright() as playwright:
        try:
            instance = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no Chromium, Chrome or Edge is installed, and none could be installed: {error.message}")
        yield instance
        instance.close()
