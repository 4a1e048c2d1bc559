"""The lesson as a website: a learner view, and an instructor view in the folder instructor/."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from lessonkit import notebook
from lessonkit.addresses import Addresses, site_name
from lessonkit.lesson import Lesson
from lessonkit.page import Page
from lessonkit.site import answers, bundles, labs, pictures, slides, words
from lessonkit.site.links import INSTRUCTOR, LEARNER, Links, View
from lessonkit.site.pages import Body, code_css, read
from regseg.show import living

STATIC = Path(__file__).with_name("static")
FOR_INSTRUCTORS = re.compile(r"<!--instructor-->.*?<!--/instructor-->", re.S)
MARK = re.compile(r"<!--/?(?:instructor|challenge)-->")
CHALLENGE = re.compile(r"<!--challenge-->(.*?)<!--/challenge-->", re.S)
TITLE = re.compile(r'<h(\d) id="([^"]*)">(.*?)</h', re.S)
PICTURE = re.compile(r'href="(?:\.\./)?([^"]*\.png)"')
LOCAL = re.compile(r'\b(id="|href="#)')
FIGURE = re.compile(r"<figure>.*?</figure>", re.S)
HEADING = re.compile(r"<(/?)h([2-6])\b")


@dataclass(frozen=True)
class Slot:
    """An episode in the schedule; `start` counts minutes from the beginning of the lesson."""

    page: Page
    start: int


def build(lesson: Lesson, out: Path) -> None:
    """Build the website in the folder `out`: the whole of it, or nothing.

    Raises
    ------
    LessonError
        A page cannot be read, or a link or image points nowhere.
    """
    lesson = Lesson(lesson.root.resolve())
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True) as beside:
        fresh, old = Path(beside, "new"), Path(beside, "old")
        addresses = Addresses(lesson)
        _copy_files(addresses, fresh)
        labs.write(lesson.all_pages(), fresh / "static" / "labs")
        boxes = answers.write([*lesson.episodes, *lesson.pages("learners")], fresh / "static" / "answers")
        _Site(addresses, fresh, boxes, bundled=_copy_bundles(fresh)).write()
        if out.exists():
            out.rename(old)
        fresh.rename(out)


def schedule(lesson: Lesson) -> tuple[list[Slot], int]:
    """When each episode starts, and when the last one ends, in minutes."""
    slots, minutes = [], 0
    for page in lesson.episodes:
        slots.append(Slot(page, minutes))
        minutes += page.teaching + page.exercises
    return slots, minutes


def clock(minutes: int) -> str:
    """Minutes as hours and minutes."""
    return f"{minutes // 60} h {minutes % 60:02} min"


def embed(html: str, prefix: str, down: int = 0) -> str:
    """HTML that can stand with others on one page: its own anchors, its headings `down` levels lower."""
    html = LOCAL.sub(rf"\g<1>{prefix}--", str(html))  # of Jinja's own strings re would make escaped ones
    return HEADING.sub(lambda tag: f"<{tag[1]}h{min(int(tag[2]) + down, 6)}", html)


def around_figure(html: str) -> tuple[str, str, str]:
    """HTML before its first figure, that figure, and the HTML after it."""
    found = FIGURE.search(html)
    return (html[: found.start()], found[0], html[found.end() :]) if found else (html, "", "")


def picture(body: Body) -> str:
    """What a link to a page shows elsewhere: where in the site its first picture lies; nothing where it has none."""
    found = PICTURE.search("".join(figure["image"] for figure in body.figures))
    return found[1] if found else ""


def _challenges(html: str) -> list[dict]:
    """The challenges of a body, their titles at level 3, and where each stands."""
    found = []
    for challenge in CHALLENGE.findall(html):
        title = TITLE.search(challenge)
        level, anchor, text = title.groups() if title else (3, "", "")
        found.append({"html": challenge, "id": anchor, "title": text, "down": 3 - int(level)})
    return found


def _copy_files(addresses: Addresses, out: Path) -> None:
    """Copy images, other files, notebooks, the site's own stylesheet and script, and those of living figures."""
    shutil.copytree(STATIC, out / "static")
    (out / "static" / "show").mkdir()
    for name, text in living.page_files().items():
        (out / "static" / "show" / name).write_text(text, encoding="utf-8")
    with (out / "static" / "site.css").open("a", encoding="utf-8") as css:
        css.write(code_css())
    for name, path in addresses.assets.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / name)
    pictures.write(out, addresses.assets)
    # Made afresh: what lies in notebooks/ may hold a learner's own work.
    (out / "notebooks").mkdir()
    for page in addresses.lesson.episodes:
        (out / "notebooks" / f"{page.name}.ipynb").write_text(notebook.text(addresses.lesson, page), encoding="utf-8")


def _copy_bundles(out: Path) -> bool:
    """Copy the bundles of other people's JavaScript, or say why there are none; whether they are there.

    A site without them is whole: the pages that need one say that it is missing.
    """
    try:
        shutil.copytree(bundles.find(), out / "static" / "bundles")
    except bundles.NoBundles as problem:
        missing = "The site has no 3-D views and no labs, and its slides stand one below the other"
        print(f"{missing}: {problem}. With a network, build it again.", file=sys.stderr)
        return False
    return True


class _Site:
    """The pages of one lesson on their way into the folder `out`."""

    def __init__(self, addresses: Addresses, out: Path, boxes: Collection[str], bundled: bool):
        self.lesson, self.out, self.boxes, self.bundled = addresses.lesson, out, boxes, bundled
        self.addresses, self.links = addresses, Links(addresses)
        self.slots, self.total = schedule(self.lesson)
        self.jinja = Environment(
            loader=PackageLoader("lessonkit.site"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self.jinja.filters |= {"clock": clock, "embed": embed, "around_figure": around_figure, "picture": picture}

    @cached_property
    def bodies(self) -> dict[Path, Body]:
        pages = self.lesson.all_pages()
        with ThreadPoolExecutor(2) as pool:
            read_all = pool.map(read, pages)
            return {body.page.path: body for body in tqdm(read_all, "website", len(pages), unit="page")}

    def write(self) -> None:
        for view in (LEARNER, INSTRUCTOR):
            (self.out / view.folder).mkdir(exist_ok=True)
            self.write_view(view)
        base = self.addresses.base
        css = (self.out / "static" / "site.css").read_text(encoding="utf-8")
        self.render("404.html", LEARNER, "404", "Page not found", css=css, root=urlsplit(base or "/").path)
        if base:
            names = sorted({path.name for path in self.out.glob("*.html")} - {"404.html", "search.html"})
            sitemap = self.jinja.get_template("sitemap.xml").render(base=base, names=names)
            (self.out / "sitemap.xml").write_text(sitemap, encoding="utf-8")

    def write_view(self, view: View) -> None:
        learner = view is LEARNER
        bodies = {path: self.seen(body, view) for path, body in self.bodies.items()}
        episodes = [bodies[slot.page.path] for slot in self.slots]
        profiles = [body for body in bodies.values() if body.page.kind == "profile"]
        for body in bodies.values():
            page = body.page
            if page.kind == "home":
                body = replace(body, contents=[*body.contents, {"id": "schedule", "title": "Schedule"}])
                self.render("home.html", view, "index", self.lesson.setting("title"), body=body, episodes=episodes)
            elif page.kind != "profile" and not (learner and page.kind == "instructor"):
                self.render("page.html", view, page.name, page.title, body=body, neighbours=self.neighbours(page))
            if page.name == "reference" and learner:
                (self.out / "static" / "glossary.js").write_text(words.glossary(body.html), encoding="utf-8")
        self.render("profiles.html", view, "profiles", "Learner profiles", profiles=profiles)
        self.render("key-points.html", view, "key-points", "Key points", episodes=episodes)
        self.render("images.html", view, "images", "All images", episodes=episodes)
        self.render("aio.html", view, "aio", "All in one page", episodes=episodes)
        self.render("search.html", view, "search", "Search")
        shown = [body for body in bodies.values() if not (learner and body.page.kind == "instructor")]
        parts = (words.sections(body, self.links.url(site_name(body.page), view)) for body in shown)
        index = words.index(parts)
        (self.out / view.folder / "search-index.js").write_text(index, encoding="utf-8")
        self.render("own-image.html", view, "own-image", "Look at your own image")
        if not learner:
            challenges = {body.page.name: _challenges(body.html) for body in episodes}
            self.render("exercises.html", view, "exercises", "All exercises", episodes=episodes, challenges=challenges)
            for body in episodes:
                given = {"page": body.page, "stacks": slides.cut(body)}
                self.render("slides.html", view, f"{body.page.name}-slides", body.page.title, **given)

    def seen(self, body: Body, view: View) -> Body:
        """A body as one view shows it: the instructors' parts in or out, every link in its place."""

        def parts(html: str) -> str:
            html = FOR_INSTRUCTORS.sub("", html) if view is LEARNER else html
            html = words.linked(html) if body.page.name == "reference" else html
            return self.links.rewrite(answers.places(html, self.boxes), body.page, view)

        return replace(
            body,
            **{name: parts(getattr(body, name)) for name in ("html", "questions", "objectives", "keypoints")},
            figures=[
                figure | {name: parts(figure[name]) for name in ("image", "caption")}
                for figure in body.figures
                if view is INSTRUCTOR or not figure["instructor"]
            ],
        )

    def neighbours(self, page: Page) -> tuple[Page | None, Page | None]:
        """The episodes before and after an episode; nothing around another page."""
        episodes = [slot.page for slot in self.slots]
        if page not in episodes:
            return None, None
        at = episodes.index(page)
        return (episodes[at - 1] if at else None), (episodes[at + 1] if at + 1 < len(episodes) else None)

    def render(self, template: str, view: View, name: str, title: str, **values) -> None:
        """Write one page."""
        given = {"lesson": self.lesson, "addresses": self.addresses, "links": self.links, "view": view}
        given |= {"name": name, "title": title, "slots": self.slots, "total": self.total, "body": None}
        given["bundled"] = self.bundled
        given |= {"url": lambda page: self.links.url(page, view)} | values
        html = self.jinja.get_template(template).render(given)
        (self.out / view.folder / f"{name}.html").write_text(MARK.sub("", html), encoding="utf-8")
