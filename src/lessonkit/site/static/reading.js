// What a reader of a long page needs: to find something, to see what scrolls, where they are, where they were, a figure large,
// a word explained, the page on paper. Loaded after site.js, whose helpers it uses.

// The field in the head: its search (search.js) is loaded when somebody enters it. A narrow screen has a link in its place.
const searchField = document.querySelector(".top [type=search]"), findLink = document.querySelector(".find");
Object.assign(searchField, { role: "combobox", ariaExpanded: "false", ariaAutoComplete: "list", autocomplete: "off" });
if (!document.getElementById("search")) searchField.addEventListener("focus", () => {
  for (const address of [new URL("search-index.js", findLink.href), new URL("search.js", scriptAddress)]) {
    document.head.append(make("script", { src: address, async: false }));
  }
}, { once: true });
findLink.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  document.querySelector(".top").classList.add("finding");
  searchField.focus();
});
searchField.addEventListener("blur", () => document.querySelector(".top").classList.remove("finding"));

// A slash leads to the search, as in many lessons.
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [role=application]")) return;
  event.preventDefault();
  const field = all("[type=search]").find((one) => one.offsetParent);
  if (field) field.focus(); else findLink.click();
});

// What is wider than the page has a soft edge where more of it is, and the keyboard stops at it only then.
function showMore(box) {
  const hidden = box.scrollWidth - box.clientWidth, before = box.scrollLeft > 1, after = hidden - box.scrollLeft > 1;
  box.dataset.more = [...(before ? ["before"] : []), ...(after ? ["after"] : [])].join(" ");
  if (box.matches("a")) return; // the keyboard stops at it anyway
  if (hidden > 1) box.setAttribute("tabindex", 0); else box.removeAttribute("tabindex");
}
const widths = new ResizeObserver((entries) => entries.forEach(({ target }) => showMore(target)));
all(".code pre, .table, math[display='block'], .enlarge").forEach((box) => widths.observe(box));
document.addEventListener("scroll", ({ target }) => { if (target.dataset && "more" in target.dataset) showMore(target); }, { capture: true, passive: true });

// A mark beside each heading leads to it.
for (const heading of all("main :is(h2, h3, h4, h5, h6)[id]")) {
  heading.append(make("a", { className: "anchor", href: `#${heading.id}`, ariaHidden: "true", tabIndex: -1 }));
}

// Where the reader is: the last heading above a line, which sinks while the last screen of the page comes up.
const headings = all(".toc a").map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1)))).filter(Boolean);
const links = new Map(headings.map(({ id }) => [id, all(".toc a, .here a").filter(({ hash }) => decodeURIComponent(hash.slice(1)) === id)]));
const section = document.querySelector(".section");
let here = null;
function findHere() {
  const rest = document.documentElement.scrollHeight - innerHeight - scrollY;
  const line = innerHeight * (0.25 + 0.75 * Math.max(0, 1 - rest / innerHeight));
  const now = headings.findLast((heading) => heading.getBoundingClientRect().top <= line) ?? null;
  if (now === here) return;
  links.get(here?.id)?.forEach((link) => link.removeAttribute("aria-current"));
  links.get(now?.id)?.forEach((link) => link.setAttribute("aria-current", "location"));
  here = now;
  section.textContent = here ? titleOf(here) : "";
}
const titleOf = (heading) => links.get(heading.id)[0].textContent;

// Where the reader was: for each episode the section, and how much of the page came up; kept in this browser alone.
const KEPT = /^(predict|place) /;
const { episode } = document.documentElement.dataset;
const placeOf = (name) => { try { return JSON.parse(recall(`place ${name}`)); } catch { return undefined; } };
function keepPlace() {
  const { top, bottom } = document.querySelector("main").getBoundingClientRect();
  const share = Math.min(1, (innerHeight - top) / (bottom - top)), before = placeOf(episode)?.share ?? 0;
  remember(`place ${episode}`, JSON.stringify({ id: here?.id, title: here && titleOf(here), share: Math.max(share, before), when: Date.now() }));
}
function showPlaces() {
  let last;
  for (const link of all("#contents [data-episode]")) {
    const place = placeOf(link.dataset.episode);
    link.querySelector(".read")?.remove();
    if (!place) continue;
    link.append(make("small", { className: "read", textContent: place.share > 0.97 ? "✓ read" : `${Math.round(100 * place.share)} % read` }));
    if (place.id && !(last?.when > place.when)) last = { ...place, link };
  }
  const resume = document.querySelector(".resume"), mine = episode ? placeOf(episode) : last;
  if (!resume) return;
  resume.hidden = !mine?.id || Boolean(location.hash);
  if (resume.hidden) return;
  const at = episode ? "" : last.link.getAttribute("href");
  resume.replaceChildren("You were at ", make("a", { href: `${at}#${mine.id}`, textContent: mine.title }), episode ? "." : ` (${last.link.querySelector(".name").textContent}).`);
}
let frame, rest;
addEventListener("scroll", () => {
  frame ??= requestAnimationFrame(() => { frame = undefined; findHere(); });
  clearTimeout(rest);
  if (episode) rest = setTimeout(keepPlace, 400);
}, { passive: true });
addEventListener("resize", findHere);
showPlaces();
findHere();
const forgetting = document.querySelector(".forget");
forgetting.addEventListener("click", () => {
  try { Object.keys(localStorage).filter((key) => KEPT.test(key)).forEach(forget); } catch { /* private window */ }
  clearTimeout(rest);
  showPlaces();
  forgetting.nextElementSibling.textContent = "Forgotten. What is open on this page closes when you load it again.";
});

// A figure, as large as the window or larger.
const large = make("dialog", { className: "large", ariaLabel: "Figure" });
const figures = all("figure > .enlarge");
function enlarge(link) {
  const picture = link.querySelector("img"), at = figures.indexOf(link);
  const step = (by, words) => make("button", { type: "button", textContent: words, disabled: !figures[at + by], onclick: () => enlarge(figures[at + by]) });
  const screen = make("div", { className: "screen-large" }), bar = make("div", { className: "actions" });
  screen.append(make("img", { src: picture.currentSrc || picture.src, alt: picture.alt }));
  screen.style.setProperty("--wide", picture.style.getPropertyValue("--wide"));
  const close = make("button", { type: "button", textContent: "Close", autofocus: true, onclick: () => large.close() });
  bar.append(step(-1, "Previous figure"), step(1, "Next figure"), close);
  large.replaceChildren(bar, screen, ...all("figcaption", link.parentElement).map((words) => words.cloneNode(true)));
  widths.observe(screen);
  if (!large.open) large.showModal();
  close.focus();
}
if (figures.length) document.body.append(large);
large.addEventListener("keydown", ({ key }) => {
  if (large.querySelector(".screen-large") === document.activeElement) return; // there the arrows scroll
  ({ ArrowLeft: all("button", large)[0], ArrowRight: all("button", large)[1] })[key]?.click();
});
large.addEventListener("click", ({ target }) => { if (target === large) large.close(); });
for (const link of figures) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    enlarge(link);
  });
}

// A word of the glossary is explained where it stands; its link leads there all the same.
const card = make("div", { className: "word", popover: "auto", role: "dialog" });
const isWord = (link) => /(^|\/)reference\.html#./.test(link?.getAttribute("href") ?? "");
let glossary, asked;
const loadGlossary = () => glossary ??= new Promise((resolve, reject) => {
  const script = make("script", { src: new URL("glossary.js", scriptAddress), onerror: reject, onload: () => resolve(GLOSSARY) });
  document.head.append(script);
});
function explain(words, link) {
  const word = words[decodeURIComponent(link.hash.slice(1))];
  if (!word) { location.href = link.href; return; }
  card.ariaLabel = word.title;
  const title = make("p", { className: "word-title", tabIndex: -1, textContent: word.title });
  card.replaceChildren(title, make("div", { innerHTML: word.html }), make("p", { className: "word-way" }));
  all("a[href^='#']", card).forEach((other) => { other.href = new URL(other.getAttribute("href"), link.href); });
  card.lastChild.append(make("a", { href: link.href, className: "whole", textContent: "In the glossary" }));
  if (!card.matches(":popover-open")) card.showPopover();
  const { left, bottom, top } = asked.getBoundingClientRect(), room = document.documentElement.clientWidth - card.offsetWidth - 8;
  card.style.left = `${Math.max(8, Math.min(left, room))}px`;
  card.style.top = `${bottom + card.offsetHeight + 8 < innerHeight ? bottom + 6 : Math.max(8, top - card.offsetHeight - 6)}px`;
  title.focus({ preventScroll: true });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("main a, .word a");
  if (!isWord(link) || link.matches(".whole") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (!card.contains(link)) asked = link;
  loadGlossary().then((words) => explain(words, link), () => { location.href = link.href; });
});
addEventListener("scroll", () => { if (card.matches(":popover-open")) card.hidePopover(); }, { passive: true });
document.body.append(card);

// Paper: with hints and solutions, or for an exam.
const closed = [];
for (const button of all("[data-paper]")) {
  button.addEventListener("click", () => {
    document.documentElement.dataset.paper = button.dataset.paper;
    button.closest("[popover]").hidePopover();
    print();
  });
}
addEventListener("beforeprint", () => {
  if (document.documentElement.dataset.paper === "plain") return;
  closed.push(...all("main details:not([open])"));
  closed.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.paper;
  closed.splice(0).forEach((details) => { details.open = false; });
});
