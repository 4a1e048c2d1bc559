// The controls below the planes: how two images are shown together, opacities, the window, what the labels are called.
// Only those that the images give a meaning.

const TOGETHER = ["Overlay", "Checkerboard", "Difference", "Blend"];  // as in explore.js

function makeControls(viewer) {
  const { scene, model, layers } = viewer, bar = element("div", { className: "tools" }), all = [];
  const set = (name, value) => { model.set(name, value); model.save_changes(); };

  // A slider; `read` gives its value from the model, `write` puts it there.
  function slider(words, span, read, write) {
    const input = element("input", { type: "range", ...span, oninput: () => write(+input.value) }), said = element("output");
    bar.append(element("label", {}, words, input, said));
    all.push(() => {
      input.value = read();
      said.textContent = short(+input.value);
    });
  }

  if (layers.overlay) {
    const buttons = TOGETHER.map((name, n) => element("button", { type: "button", onclick: () => set("view", n) }, name));
    bar.append(element("span", { role: "group", "aria-label": "Both images" }, ...buttons));
    all.push(() => buttons.forEach((button, n) => button.setAttribute("aria-pressed", n === model.get("view"))));
    const share = { min: 0, max: 1, step: 0.05 };
    slider("Overlay opacity", share, () => model.get("opacity"), value => set("opacity", value));
  }
  if (layers.labels && model.get("mode") !== "brush") {
    const share = { min: 0, max: 1, step: 0.05 };
    slider("Label opacity", share, () => model.get("labels_opacity"), value => set("labels_opacity", value));
  }
  const [least, most] = scene.range, step = scene.whole ? 1 : (most - least) / 500 || 1;
  const ends = { min: least, max: most, step };
  slider("Black at", ends, () => model.get("window")[0], low => set("window", [Math.min(low, model.get("window")[1] - step), model.get("window")[1]]));
  slider("White at", ends, () => model.get("window")[1], high => set("window", [model.get("window")[0], Math.max(high, model.get("window")[0] + step)]));
  const [only] = scene.planes;
  if (scene.planes.length === 1 && scene.size[only.normal] > 1) {  // without the other planes a finger has no way to another slice
    const to = slice => viewer.moveTo(viewer.index().map((i, axis) => axis === only.normal ? slice : i));
    slider("Slice", { min: 0, max: scene.size[only.normal] - 1, step: 1 }, () => viewer.index()[only.normal], to);
  }
  const does = { Reset: viewer.reset, "Save picture": viewer.save, ...(document.fullscreenEnabled ? { "Whole screen": viewer.enlarge } : {}) };
  bar.append(element("span", { role: "group", "aria-label": "Picture" },
    ...Object.entries(does).map(([name, onclick]) => element("button", { type: "button", onclick }, name))));
  for (const [value, name] of Object.entries(scene.label_names)) {
    if (!layers.labels || model.get("mode") === "brush") break;
    const colour = COLOURS.labels[(value - 1) % COLOURS.labels.length];
    bar.append(element("span", { className: "key" }, element("span", { className: "swatch", style: `background: rgb(${colour})` }), name));
  }
  return { bar, refresh: () => all.forEach(one => one()) };
}
