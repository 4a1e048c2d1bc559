// The search: sections of the lesson, ranked by BM25 with more weight for titles; typing errors are forgiven, and said.

const IGNORED = new Set("a about an and are as at be by can do does for from get has have how i if in into is it its me my no not of on one or so that the then there this to was we what when where which who why will with you your".split(" "));
const ALSO = { black: ["empty"], crash: ["died"], crashed: ["died"], install: ["setup"] }; // what the lesson calls it
const FIELDS = { text: 1, page: 3, title: 6 }; // how often a word counts where it stands
const EXACT = 1, KIN = 0.8, BEGINS = 0.5, MISTYPED = 0.4; // how well a word of the lesson answers one that was typed

const wordsOf = (text) => text.toLowerCase().normalize("NFKD").match(/[a-z0-9\u0370-\u03ff]+/g) ?? [];
const stem = (word) => word.length < 5 ? word.replace(/s$/, "") : word.replace(/(?:ations?|ating|ated|ates?|ions?|ings?|ers?|ed|es|ly|s|e)$/, "");

// How many letters were typed wrong, left out, added or swapped; more than `most` are not counted out.
function errors(a, b, most) {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before = [], row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}

function makeIndex(sections) {
  const places = new Map(), lengths = [];
  sections.forEach((section, n) => {
    const counts = new Map();
    for (const [field, times] of Object.entries(FIELDS)) for (const word of wordsOf(section[field])) counts.set(word, (counts.get(word) ?? 0) + times);
    lengths.push([...counts.values()].reduce((a, b) => a + b, 0));
    counts.forEach((count, word) => { if (!places.has(word)) places.set(word, []); places.get(word).push([n, count]); });
  });
  const mean = lengths.reduce((a, b) => a + b, 0) / lengths.length;
  const vocabulary = [...places.keys()];

  // The words of the lesson that answer a typed one, with how well; a mistyped one has the nearest.
  function answers(typed) {
    const base = stem(typed), found = new Map();
    for (const word of vocabulary) {
      const well = word === typed ? EXACT : stem(word) === base || ALSO[typed]?.includes(word) ? KIN : typed.length > 2 && word.startsWith(typed) ? BEGINS : 0;
      if (well) found.set(word, well);
    }
    if (found.size || typed.length < 4) return found;
    const most = typed.length < 8 ? 1 : 2, near = vocabulary.filter((word) => word.length > 3).map((word) => [word, errors(typed, word, most)]);
    const least = Math.min(...near.map(([, wrong]) => wrong));
    if (least <= most) near.forEach(([word, wrong]) => { if (wrong === least) found.set(word, MISTYPED); });
    return found;
  }

  // Pages by falling score with their sections likewise, the words that answered, and what became of the typed ones. What
  // has all of them, in one section or at least on one page, comes before what has more of one.
  return (query) => {
    const typed = wordsOf(query), telling = typed.filter((word) => !IGNORED.has(word)), asked = [...new Set(telling.length ? telling : typed)];
    const words = new Set(), missing = [], mended = new Map(), parts = new Map();
    asked.forEach((one, at) => {
      const found = answers(one);
      if (!found.size) missing.push(one);
      else if ([...found.values()].every((well) => well === MISTYPED)) mended.set(one, [...found.keys()]);
      const having = new Set([...found.keys()].flatMap((word) => places.get(word).map(([n]) => n)));
      const rare = Math.log(1 + (sections.length - having.size + 0.5) / (having.size + 0.5));
      found.forEach((well, word) => {
        words.add(word);
        for (const [n, count] of places.get(word)) {
          const score = sections[n].weight * well * rare * count * 2.2 / (count + 1.2 * (0.4 + 0.6 * lengths[n] / mean));
          if (!parts.has(n)) parts.set(n, Array(asked.length).fill(0));
          parts.get(n)[at] = Math.max(parts.get(n)[at], score);
        }
      });
    });
    const together = (scores) => scores.reduce((a, b) => a + b, 0) * (scores.filter(Boolean).length / asked.length) ** 2;
    const pages = new Map();
    parts.forEach((scores, n) => {
      const url = sections[n].url.split("#")[0], page = pages.get(url) ?? { url, title: sections[n].page, best: Array(asked.length).fill(0), sections: [] };
      page.best = page.best.map((score, at) => Math.max(score, scores[at]));
      page.sections.push({ ...sections[n], score: together(scores) });
      pages.set(url, page);
    });
    const ranked = [...pages.values()].map((page) => {
      page.sections.sort((a, b) => b.score - a.score);
      const [first, second, third] = [0, 1, 2].map((n) => page.sections[n]?.score ?? 0);
      return { ...page, score: first + 0.2 * second + 0.1 * third + 0.5 * together(page.best) };
    });
    return { pages: ranked.sort((a, b) => b.score - a.score), words, missing, mended };
  };
}

// What stands around the first of the words, with all of them marked.
function excerpt(text, words) {
  const parts = text.split(/([A-Za-z0-9\u0370-\u03ff]+)/), hit = parts.findIndex((part) => words.has(part.toLowerCase()));
  const from = Math.max(0, hit - 24), shown = parts.slice(from, from + 64);
  const line = make("p", {});
  line.append(from ? "… " : "", ...shown.map((part) => words.has(part.toLowerCase()) ? make("mark", { textContent: part }) : part), " …");
  return line;
}

const find = makeIndex(SECTIONS);

// The pages that are worth showing, the words that answered, and a sentence on what was found.
function answer(query) {
  const { pages, words, missing, mended } = find(query);
  const shown = pages.filter(({ score }) => score >= pages[0].score / 5).slice(0, 12);
  const read = [...mended].map(([typed, meant]) => `“${typed}” was read as “${meant.slice(0, 3).join("”, “")}”.`);
  const lost = missing.map((word) => `Nothing has “${word}”.`);
  return { shown, words, said: [`${shown.length || "No"} ${shown.length === 1 ? "page" : "pages"} for “${query}”.`, ...read, ...(shown.length ? lost : [])].join(" ") };
}

// The page of the search.
function showFound(form, found, results) {
  const query = form.q.value.trim(), { shown, words, said } = answer(query);
  if (location.protocol !== "file:") history.replaceState(null, "", query ? `?q=${encodeURIComponent(query)}` : location.pathname);
  found.textContent = query && said;
  results.replaceChildren(...shown.map(({ url, title, sections }) => {
    const item = make("li", {}), list = make("ul", {}), best = sections.filter(({ title, score }) => title && score >= sections[0].score / 4);
    item.append(make("a", { href: url, textContent: title }), excerpt(sections[0].text, words));
    for (const part of best.slice(0, 4)) {
      const line = make("li", {});
      line.append(make("a", { href: part.url, textContent: part.title }));
      list.append(line);
    }
    if (best.length) item.append(list);
    return item;
  }));
}
const form = document.getElementById("search");
if (form) {
  const show = () => showFound(form, document.getElementById("found"), document.getElementById("results"));
  form.q.value = new URLSearchParams(location.search).get("q") ?? "";
  form.q.addEventListener("input", show);
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  form.q.focus();
  show();
}

// The field in the head of each page: the best section of the first pages while somebody types, after the combobox of the
// ARIA Authoring Practices. Enter without a choice leads to the page of the search.
const hits = make("div", { className: "hits" }), list = make("div", { id: "hits", role: "listbox", ariaLabel: "Found", hidden: true });
const told = make("p", { role: "status" });
hits.append(list, told);
searchField.after(hits);
searchField.setAttribute("aria-controls", list.id);
function choose(at) {
  [...list.children].forEach((option, n) => { option.ariaSelected = n === at; });
  searchField.setAttribute("aria-activedescendant", list.children[at]?.id ?? "");
  list.children[at]?.scrollIntoView({ block: "nearest" });
}
function showHits(query) {
  const { shown, said } = answer(query);
  told.textContent = query && said;
  list.replaceChildren(...shown.slice(0, 6).map(({ title, sections: [best] }, n) => {
    const option = make("a", { role: "option", id: `hit-${n}`, href: best.url, tabIndex: -1, textContent: best.title || title });
    if (best.title) option.append(make("small", { textContent: title }));
    return option;
  }));
  list.hidden = !shown.length;
  searchField.ariaExpanded = !list.hidden;
  choose(-1);
}
searchField.addEventListener("input", () => showHits(searchField.value.trim()));
searchField.addEventListener("keydown", (event) => {
  const options = [...list.children], at = options.findIndex((option) => option.ariaSelected === "true"), stops = options.length + 1;
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (next !== undefined) choose((next + 1 + stops) % stops - 1); // between the last option and the first, none
  else if (event.key === "Enter" && at >= 0) options[at].click();
  else if (event.key === "Escape" && told.textContent) showHits("");
  else return;
  event.preventDefault();
});
hits.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
hits.addEventListener("click", () => { searchField.blur(); });
searchField.addEventListener("blur", () => showHits(""));
if (document.activeElement === searchField) showHits(searchField.value.trim());
