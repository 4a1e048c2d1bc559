// Theme, views, tabs, copy buttons, predictions, living figures, labs, exercises, accordions. Every page reads well without it.
const scriptAddress = document.currentScript.src;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const remember = (key, value) => { try { localStorage[key] = value; } catch { /* private window */ } };
const forget = (key) => { try { localStorage.removeItem(key); } catch { /* private window */ } };
const recall = (key) => { try { return localStorage[key]; } catch { return undefined; } };

// Theme: the system's until the reader chooses.
const night = matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.querySelector(".theme");
const isDark = () => (document.documentElement.dataset.theme || (night.matches ? "dark" : "light")) === "dark";
const showTheme = () => themeButton.setAttribute("aria-pressed", isDark());
themeButton.addEventListener("click", () => {
  remember("theme", (document.documentElement.dataset.theme = isDark() ? "light" : "dark"));
  showTheme();
});
night.addEventListener("change", showTheme);
showTheme();

// The menu of the phone closes when a place on this page is chosen.
const contents = document.getElementById("contents");
contents?.addEventListener("click", (event) => { if (event.target.closest("a") && contents.matches(":popover-open")) contents.hidePopover(); });

// The other view opens at the same place.
for (const link of all(".views a")) link.addEventListener("click", () => { link.hash = location.hash; });

// Tabs, after the pattern of the ARIA Authoring Practices. Groups switch together and are remembered.
let tabCount = 0;
for (const tabs of all(".tabs")) {
  const panels = all(":scope > .tab", tabs);
  const list = make("div", { role: "tablist" });
  const buttons = panels.map((panel) => {
    const title = panel.firstElementChild;
    const number = ++tabCount;
    const button = make("button", { type: "button", role: "tab", id: `tab-${number}`, textContent: title.textContent });
    title.remove();
    Object.assign(panel, { role: "tabpanel", id: `panel-${number}`, tabIndex: 0 });
    panel.setAttribute("aria-labelledby", button.id);
    button.setAttribute("aria-controls", panel.id);
    list.append(button);
    return button;
  });
  const select = (chosen) => buttons.forEach((button, at) => {
    button.setAttribute("aria-selected", at === chosen);
    button.tabIndex = at === chosen ? 0 : -1;
    panels[at].hidden = at !== chosen;
  });
  const choose = (chosen) => {
    select(chosen);
    if ("group" in tabs.dataset) {
      remember("tab", buttons[chosen].textContent);
      document.dispatchEvent(new CustomEvent("tab"));
    }
  };
  const follow = () => {
    const at = buttons.findIndex((button) => button.textContent === recall("tab"));
    if (at >= 0) select(at);
  };
  list.addEventListener("click", (event) => { if (event.target !== list) choose(buttons.indexOf(event.target)); });
  list.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(event.target), last = buttons.length - 1;
    const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
    buttons[next].focus();
  });
  tabs.prepend(list);
  select(0);
  if ("group" in tabs.dataset) { follow(); document.addEventListener("tab", follow); }
}

// Copy buttons: on code, not on what it printed.
for (const code of all("figure.code:not(.output, .error, .warning)")) {
  const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(code.querySelector("code").textContent); button.textContent = "Copied"; }
    catch { button.textContent = "Not allowed"; }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  code.querySelector("figcaption")?.append(button);
}

// Predictions: the choices are buttons, and what answers stays veiled until one is pressed. Instructors see all.
for (const prediction of document.documentElement.dataset.view === "learner" ? all(".prediction") : []) {
  const key = `predict ${prediction.dataset.key}`;
  const [choices, sentences] = all(".choices > ul, .sentences > ul", prediction);
  const sentenceOf = new Map(all(":scope > li", sentences).map((line) => [line.querySelector("strong")?.textContent, line]));
  const order = [...sentences.children];
  const said = make("p", { role: "status" });
  const buttons = all(":scope > li", choices).map((line) => {
    const button = make("button", { type: "button", value: line.textContent.trim() });
    button.append(...(line.querySelector(":scope > p") ?? line).childNodes);
    line.replaceChildren(button);
    return button;
  });
  const give = make("button", { type: "button", className: "give", textContent: "Show me" });
  const veil = make("p", { className: "veil", textContent: "The answer is veiled. Choose first." });
  choices.after(give, said);
  prediction.querySelector(".compare").before(veil);

  // `chosen` is the text of a choice, "" where the reader only asked to see, or undefined where nothing was done.
  const show = (chosen) => {
    const mine = buttons.find((button) => button.value === chosen);
    const open = chosen !== undefined && (mine !== undefined || chosen === "");
    prediction.toggleAttribute("data-open", open);
    buttons.forEach((button) => { button.setAttribute("aria-pressed", button === mine); });
    sentences.replaceChildren(...order);
    order.forEach((line) => line.classList.remove("mine"));
    if (mine) { sentences.prepend(sentenceOf.get(chosen)); sentences.firstElementChild.classList.add("mine"); }
    give.textContent = open ? "Ask me again" : "Show me";
    said.textContent = mine ? "Noted. Below, the sentence on your choice stands first." : open ? "The answer is open below." : "";
  };
  const note = (chosen) => {
    if (chosen === undefined) forget(key); else remember(key, chosen);
    show(chosen);
  };
  buttons.forEach((button) => button.addEventListener("click", () => note(button.value)));
  give.addEventListener("click", () => note(prediction.hasAttribute("data-open") ? undefined : ""));
  show(recall(key));
}

// A browser lets a page from the disk load neither modules nor images to compute with.
const NEEDS_SERVER = "For this, start the lesson's server with “make course”, or use the published site.";
const UNREACHABLE = "This cannot be loaded now. Reload the page, and try again."; // a browser asks only once for a script that failed

// A reader's own image.
if (document.querySelector(".own") && "bundles" in document.documentElement.dataset) {
  if (location.protocol === "file:") document.getElementById("own-said").textContent = NEEDS_SERVER;
  else import("./own-image.js");
}

// Living figures: the picture gives its place to the notebook's own widget, which asks for scripts and images only then.
const styles = new Set();
async function bringToLife(stage, address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const state = await answer.json();
  const [{ mount }, { default: widget }] = await Promise.all([import("./show/mount.js"), import(`./show/${state.widget}.js`)]);
  for (const name of ["mount", state.widget]) {
    if (styles.has(name)) continue;
    styles.add(name);
    document.head.append(make("link", { rel: "stylesheet", href: new URL(`show/${name}.css`, scriptAddress) }));
  }
  const ends = [await mount(stage, state, widget, answer.url)];
  if ("bundles" in document.documentElement.dataset) ends.push(await (await import("./space.js")).offer(stage, state, answer.url));
  return () => ends.forEach((end) => end());
}
for (const button of all(".look")) {
  const figure = button.closest("figure"), said = make("p", { className: "said", role: "status" });
  let end;
  button.after(said);
  button.addEventListener("click", async (event) => {
    if (location.protocol === "file:") said.textContent = NEEDS_SERVER;
    else if (end) {
      end();
      end = undefined;
      figure.querySelector(".stage").remove();
    } else {
      const stage = make("div", { className: "stage" });
      stage.style.minHeight = `${figure.querySelector("img").offsetHeight}px`;
      button.before(stage);
      button.disabled = true;
      said.textContent = "";
      try { end = await bringToLife(stage, button.dataset.state); }
      catch (error) { stage.remove(); said.textContent = UNREACHABLE; console.error(error); }
      button.disabled = false;
      stage.style.minHeight = "";
      if (event.detail === 0) (stage.querySelector("canvas") ?? button).focus({ preventScroll: true }); // a key was pressed
    }
    figure.classList.toggle("live", Boolean(end));
    button.textContent = end ? "Back to the picture" : "Look around";
  });
}

// Labs take the place of a picture; a short one only when it is asked for.
for (const lab of all("[data-lab]")) {
  const said = lab.querySelector(":scope > p");
  const open = () => {
    said.textContent = "The lab is loading …";
    import(`./labs/${lab.dataset.lab}.js`).then((module) => module.default(lab)).catch((problem) => {
      console.warn(problem);
      said.role = "alert";
      said.textContent = "The lab could not be loaded. Reload the page to try again.";
      lab.prepend(said);
    });
  };
  if (location.protocol === "file:") said.textContent = NEEDS_SERVER;
  else if (lab.dataset.ask) said.replaceChildren(make("button", { type: "button", className: "first", textContent: lab.dataset.ask, onclick: open }));
  else open();
}

// Exercises that are answered on the page, also from the disk: what is said of them, a script for each episode, and the boxes.
const ANSWERS = {}, asking = new Set(all("[data-exercise]").map(({ dataset }) => `answers/${dataset.exercise.slice(0, 2)}.js`));
for (const name of asking.size ? [...asking, "answers.js"] : []) {
  document.head.append(make("script", { src: new URL(name, scriptAddress), async: false }));
}

// Exercises that say how long they take, and a timer that was started on another page. The style comes first: what has none
// yet would move the page.
const runs = () => { try { return "timer" in sessionStorage; } catch { return false; } };
if (document.querySelector(".challenge > .kind") || runs()) {
  const sheet = make("link", { rel: "stylesheet", href: new URL("timer.css", scriptAddress) });
  sheet.addEventListener("load", () => document.body.append(make("script", { src: new URL("timer.js", scriptAddress) })));
  document.head.append(sheet);
}

// Accordions: open one that an address points to, and all at a press.
const accordions = all("main details");
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.matches("details")) target.open = true;
};
addEventListener("hashchange", reveal);
reveal();
const OPEN_ALL = "Open all solutions";
for (const button of all("button.expand")) {
  button.addEventListener("click", () => {
    const open = button.textContent === OPEN_ALL;
    button.textContent = open ? "Close all solutions" : OPEN_ALL;
    accordions.forEach((details) => { details.open = open; });
  });
}
