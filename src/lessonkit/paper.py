"""Episodes on paper: PDFs of the website's pages, with bookmarks and tags, with hints and solutions and without.

A browser prints them: Chromium, Chrome or Edge, without a window. The stylesheet for paper is that of the site.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lessonkit import site
from lessonkit.lesson import Lesson, replace_file
from lessonkit.page import LessonError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
INSTALLED_APART = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
PRINT = ("--headless", "--disable-gpu", "--no-pdf-header-footer", "--generate-pdf-document-outline")
PATIENCE = 300  # s
SCRIPT = re.compile(r"<script\b.*?</script>", re.S)
CLOSED = re.compile(r"<details\b(?![^>]*\bopen\b)")


def find_browser() -> str | None:
    """The path of an installed Chromium, Chrome or Edge."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((path for path in INSTALLED_APART if Path(path).is_file()), None)


def write(lesson: Lesson, out: Path, names: Sequence[str] = ()) -> None:
    """Write two PDFs of each episode into the folder `out`: NAME.pdf, and NAME-without-solutions.pdf, without hints.

    Parameters
    ----------
    names : sequence of str
        Episodes, such as "01-images"; else all of them, and the whole lesson in one, lesson.pdf.

    Raises
    ------
    LessonError
        There is no browser, or no such episode; the website cannot be built, or a page cannot be printed.
    """
    episodes = [page.name for page in lesson.episodes]
    wanted = {Path(name).stem: Path(name).stem for name in names or episodes}
    if unknown := sorted(wanted.keys() - set(episodes)):
        raise LessonError(f"There is no episode {unknown[0]}; there are: {', '.join(episodes)}")
    browser = find_browser()
    if browser is None:
        raise LessonError("no Chromium, Chrome or Edge is installed here, which prints the pages: install one of them")
    if not names:
        wanted["lesson"] = "aio"
    with tempfile.TemporaryDirectory(prefix="lessonkit-", ignore_cleanup_errors=True) as folder:
        site.build(lesson, pages := Path(folder, "site"))
        for name, page in wanted.items():
            html = (pages / f"{page}.html").read_text(encoding="utf-8")
            for ending, solutions in (("", True), ("-without-solutions", False)):
                replace_file(out / f"{name}{ending}.pdf", _printed(browser, pages, on_paper(html, solutions)))


def on_paper(html: str, solutions: bool) -> str:
    """A page as it is printed: what folds is open, all pictures are loaded, and no script changes anything."""
    html = CLOSED.sub("<details open", SCRIPT.sub("", html)).replace('loading="lazy"', "")
    return html if solutions else html.replace("<html ", '<html data-paper="plain" ', 1)


def _printed(browser: str, pages: Path, html: str) -> bytes:
    """A page of the site in `pages` as the bytes of a PDF."""
    page, pdf = pages / "paper.html", pages.parent / "paper.pdf"
    page.write_text(html, encoding="utf-8")
    pdf.unlink(missing_ok=True)
    command = [browser, *PRINT, f"--user-data-dir={pages.parent / 'profile'}", f"--print-to-pdf={pdf}", page.as_uri()]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # in which the browser of an administrator does not start
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise LessonError(f"{browser} has not printed a page after {PATIENCE} s") from None
    if not pdf.is_file():
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise LessonError(f"{browser} has not printed a page: {' '.join(said) or f'it ended with {done.returncode}'}")
    return pdf.read_bytes()
