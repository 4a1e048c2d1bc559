// The slides of an episode: text that fits, keys, notes and paper. Loaded after site.js, whose helpers it uses, and reveal.js.
const root = document.documentElement, paper = new URLSearchParams(location.search).get("view") === "print";
if (paper) { root.classList.add("paper"); root.dataset.theme = "light"; }

// Text shrinks by steps until a slide holds it.
const overflows = (body) => body.scrollHeight > body.clientHeight + 1 || all("pre, .table", body).some((one) => one.scrollWidth > one.clientWidth + 1);
function fit(slide) {
  const body = slide.querySelector(".body");
  for (let size = 1; body && size > 0.5; size -= 0.04) {
    body.style.setProperty("--fit", size);
    if (!overflows(body)) return;
  }
}
all("section section").forEach(fit); // while each still stands on the page

const speaker = document.querySelector(".speaker");
slideShow.present(document.querySelector(".reveal"), {
  paper, minutes: Number(root.dataset.minutes), quiet: matchMedia("(prefers-reduced-motion: reduce)").matches, moved: fit,
}).then((deck) => {
  addEventListener("resize", () => { if (!paper) fit(deck.now()); });
  speaker.addEventListener("click", deck.speak);
  speaker.hidden = false;
});
