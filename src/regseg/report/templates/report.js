// Lays the two pictures of each pair on each other, with a handle between them; shows one way to look at a time.
document.documentElement.classList.add("js");

for (const wipe of document.querySelectorAll(".wipe")) {
  const [left, right] = [...wipe.querySelectorAll(".tag")].map(tag => tag.textContent);
  const where = wipe.parentElement.querySelector("figcaption").textContent;
  const handle = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value: 40 });
  handle.setAttribute("aria-label", `${where || "Image"}: ${left} on the left of the handle, ${right} on the right`.trim());
  handle.addEventListener("input", () => {
    wipe.style.setProperty("--cut", `${handle.value}%`);
    handle.setAttribute("aria-valuetext", `${handle.value} % ${left}, ${100 - handle.value} % ${right}`);
  });
  wipe.append(handle);
}

// Buttons of a name show one of the elements that have this name in their data, and hide the others; paper shows all.
function choose(name, elements) {
  const show = () => {
    const chosen = document.querySelector(`[name='${name}']:checked`)?.value;
    elements.forEach((each, n) => each.classList.toggle("unchosen", chosen !== (each.dataset[name] ?? `${n}`)));
  };
  document.querySelectorAll(`[name='${name}']`).forEach(choice => choice.addEventListener("change", show));
  show();
}
choose("way", document.querySelectorAll(".way"));

// The viewer is the lesson's own: its scripts lie in the page as addresses, and its images too.
async function look(stage) {
  const { state, scripts } = JSON.parse(document.getElementById("viewer-state").textContent);
  const [{ mount }, { default: widget }] = await Promise.all(scripts.map(script => import(script)));
  await mount(stage, state, widget);
  choose("when", stage.querySelectorAll(".regseg-views > .view, :scope > .view"));
}
const stage = document.querySelector(".viewer .stage");
if (stage) look(stage).catch(error => stage.append(`The viewer does not run in this browser: ${error.message}`));
