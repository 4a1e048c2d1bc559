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

const views = document.querySelectorAll(".view"), choices = document.querySelectorAll("[name='view']");
const choose = () => {
  const chosen = document.querySelector("[name='view']:checked")?.value;
  for (const view of views) view.classList.toggle("unchosen", view.dataset.view !== chosen);  // paper shows all
};
for (const choice of choices) choice.addEventListener("change", choose);
choose();
