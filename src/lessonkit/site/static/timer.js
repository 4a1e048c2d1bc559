// A timer for each exercise that says how many minutes it takes. It is silent, stands still but for its numbers, and is
// kept for this tab, so that it runs on behind another page, and where the exercise is folded away.
const MINUTE = 60_000;
const starters = [], said = make("p", { className: "unseen", role: "status" });
const clock = make("span", { role: "timer", className: "clock" }), about = make("a", {});
const press = (words, onclick) => make("button", { type: "button", textContent: words, onclick });
const pause = press("Pause", () => change({ left: leftOf(timer), ends: timer.ends ? null : Date.now() + timer.left }));
const more = press("1 minute more", () => change({ left: leftOf(timer) + MINUTE, ends: Date.now() + leftOf(timer) + MINUTE }));
const big = press("Large", () => { big.setAttribute("aria-pressed", dock.classList.toggle("big")); });
const dock = make("section", { className: "timer", ariaLabel: "Timer" });
big.setAttribute("aria-pressed", false);
dock.append(about, clock, pause, more, big, press("Stop", () => set(undefined)));
document.querySelector(".top").after(dock, said);

// What runs: title and address of its exercise, when it ends (null where it is paused), and what was left then, in ms.
let timer, ticking, before = 0; // before: the seconds of the last tick, for a sleeping tab may miss the minute
const leftOf = ({ ends, left }) => (ends ? Math.max(0, ends - Date.now()) : left);
const change = (what) => set({ ...timer, ...what });
function set(what) {
  timer = what;
  try { if (timer) sessionStorage.timer = JSON.stringify(timer); else delete sessionStorage.timer; } catch { /* private window */ }
  clearInterval(ticking);
  dock.hidden = !timer;
  for (const { button, address } of starters) button.textContent = timer?.address === address ? "Stop timer" : "Start timer";
  if (!timer) return;
  Object.assign(about, { href: timer.address, textContent: timer.title });
  pause.textContent = timer.ends ? "Pause" : "Go on";
  tick();
  if (timer.ends && leftOf(timer)) ticking = setInterval(tick, 250);
}
function tick() {
  const left = leftOf(timer), seconds = Math.ceil(left / 1000);
  const shown = seconds ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "Time is up";
  if (clock.textContent === shown) return;
  clock.textContent = shown;
  dock.classList.toggle("up", !seconds);
  pause.hidden = !seconds;
  if (!seconds) said.textContent = `Time is up: ${timer.title}.`;
  else if (before > 60 && seconds <= 60) said.textContent = "One minute left.";
  before = seconds;
  if (!seconds) clearInterval(ticking);
}

for (const kind of all(".challenge > .kind")) {
  const minutes = Number(/(\d+) minutes?$/.exec(kind.textContent)?.[1]), heading = kind.nextElementSibling;
  if (!minutes || !heading?.id) continue;
  const address = `${location.href.split("#")[0]}#${heading.id}`, title = heading.textContent.trim();
  const button = press("Start timer", () => {
    if (timer?.address === address) { set(undefined); said.textContent = "Timer stopped."; return; }
    set({ title, address, left: minutes * MINUTE, ends: Date.now() + minutes * MINUTE });
    said.textContent = `Timer started: ${minutes} ${minutes === 1 ? "minute" : "minutes"}.`;
  });
  starters.push({ button, address });
  kind.append(button);
}
try { set(JSON.parse(sessionStorage.timer)); } catch { set(undefined); }
