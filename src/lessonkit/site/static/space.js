// Images in three dimensions: NiiVue, fetched only when a reader asks for it, with sliders that a keyboard moves.
const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

function slider(words, min, max, value, hear) {
  const input = make("input", { type: "range", min, max, value, oninput: hear });
  return [input, make("label", {}, words, input)];
}

// Draws images (see third-party/niivue.js) in `place`, with what turns and cuts them; `views` are offered where there are
// several. Returns what ends it.
export async function draw(place, images, title, views = ["3-D"]) {
  const trial = document.createElement("canvas").getContext("webgl2");
  if (!trial) throw new Error("This browser cannot draw in three dimensions: it has no WebGL 2.");
  trial.getExtension("WEBGL_lose_context")?.loseContext();
  const canvas = make("canvas", { role: "img", ariaLabel: title }), tools = make("div", { className: "tools" });
  place.classList.add("space");
  place.replaceChildren(make("div", { className: "screen" }, canvas), tools);
  const { draw } = await import("./bundles/niivue.js").catch(() => { throw new Error("What draws in three dimensions cannot be loaded now. Reload the page, and try again."); });
  const scene = await draw(canvas, images, views[0]);
  const look = () => scene.turn(+turn.value, +tilt.value);
  const [turn, turnLabel] = slider("Turn", 0, 360, 110, look);
  const [tilt, tiltLabel] = slider("Tilt", -90, 90, 15, look);
  const [cut, cutLabel] = slider("Cut", 0, 100, 0, () => scene.cut(cut.value / 100, +turn.value, +tilt.value));
  const sliders = make("span", {}, turnLabel, tiltLabel, cutLabel);
  const buttons = views.map(name => make("button", { type: "button", textContent: name[0].toUpperCase() + name.slice(1), onclick: () => choose(name) }));
  const choose = name => {
    scene.show(name);
    sliders.hidden = name !== "3-D";
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", views[n] === name));
  };
  if (views.length > 1) tools.append(make("span", { role: "group", ariaLabel: "View" }, ...buttons));
  tools.append(sliders);
  choose(views[0]);
  look();
  return { volume: scene.volume, close: () => scene.close() };
}

// A button below each view of a living figure that shows a volume, which shows it in three dimensions, and ends that again.
// Returns what ends all of them.
export async function offer(stage, state, base) {
  const { COLOURS } = await import("./show/explore.js");
  const scenes = [];
  state.views.forEach(({ title, traits: { scene, layers, labels_opacity, opacity } }, n) => {
    if (!scene?.size?.every(size => size > 1)) return;
    const place = make("div", {}), button = make("button", { type: "button", textContent: "In 3-D" }), said = make("p", { className: "said", role: "status" });
    const more = { overlay: { map: "inferno", opacity }, labels: { colours: COLOURS.labels, opacity: Math.min(1, 2 * labels_opacity) } };
    const images = Object.entries(layers).map(([name, { file, window }]) =>
      ({ url: new URL(state.files[file], base).href, name: state.files[file], window: window ?? undefined, ...more[name] }));
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = scenes[n] ? "" : "On its way …";
      try {
        if (scenes[n]) { scenes[n].close(); scenes[n] = undefined; place.replaceChildren(); }
        else scenes[n] = await draw(place, images, `${title || "The image"}, in three dimensions`);
        said.textContent = "";
      } catch (error) { place.replaceChildren(); said.textContent = error.message; }
      button.disabled = false;
      button.textContent = scenes[n] ? "Close 3-D" : "In 3-D";
    });
    stage.querySelectorAll(".view")[n].append(button, said, place);
  });
  return () => scenes.forEach(scene => scene?.close());
}
