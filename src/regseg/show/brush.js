// A mode of the viewer: labels are painted. The page keeps what was done, for undo and redo, and sends each edit to the
// kernel, which saves it. Until it says so, the browser keeps the edit too: no kernel that stops can lose it.

const SLOW_MS = 1000;  // so long may the kernel take before the page says that it waits

// An edit is a list of runs, three numbers each: the first voxel, how many, their label.
function runsOf(voxels, labelOf) {
  const runs = [];
  for (const voxel of voxels) {
    const last = runs.length - 3, label = labelOf(voxel);
    if (last >= 0 && runs[last] + runs[last + 1] === voxel && runs[last + 2] === label) runs[last + 1]++;
    else runs.push(voxel, 1, label);
  }
  return runs;
}

// What was painted, one record for each widget, however many views it has.
function keepRecord(model, labels) {
  const { key, file } = model.get("brush"), shelf = `regseg-brush ${key} `;
  const done = [], undone = [], unsaved = new Map(), hearers = new Set();
  let stroke = new Map();  // the labels before, of the voxels painted since the button went down
  let note = "", trouble = "", alive = true, shelved = true, count = 0, saved = 0;

  function send(runs) {
    for (let n = 0; n < runs.length; n += 3) labels.fill(runs[n + 2], runs[n], runs[n] + runs[n + 1]);
    const name = `${Date.now()} ${String(count++).padStart(6, "0")}`;  // names are in the order of time
    unsaved.set(name, Date.now());
    try { localStorage.setItem(shelf + name, JSON.stringify(runs)); } catch { shelved = false; }
    note = "";
    ask({ edit: name, runs });
    setTimeout(tell, SLOW_MS);
    tell();
  }
  function ask(message) {
    try { if (alive) model.send(message); } catch { alive = false; }
  }
  function replay(from, to, runs) {
    record.finish();
    const edit = from.pop();
    if (!edit) return;
    to.push(edit);
    send(edit[runs]);
  }
  function tell() { hearers.forEach(hear => hear()); }

  const record = {
    hearers,
    set(voxel, label) {
      if (labels[voxel] === label) return;
      if (!stroke.has(voxel)) stroke.set(voxel, labels[voxel]);
      labels[voxel] = label;
    },
    finish() {
      const voxels = [...stroke.keys()].sort((a, b) => a - b);
      if (!voxels.length) return;
      done.push({ before: runsOf(voxels, voxel => stroke.get(voxel)), after: runsOf(voxels, voxel => labels[voxel]) });
      stroke = new Map();
      undone.length = 0;
      send(done.at(-1).after);
    },
    apply(runs, may = () => true) {
      record.finish();
      for (let n = 0; n < runs.length; n += 3) {
        for (let voxel = runs[n]; voxel < runs[n] + runs[n + 1]; voxel++) if (may(voxel)) record.set(voxel, runs[n + 2]);
      }
      record.finish();
    },
    undo: () => replay(done, undone, "before"),
    redo: () => replay(undone, done, "after"),
    fill(label, plane) {
      record.finish();
      ask({ fill: label, axis: plane.normal });
      tell();
    },
    status() {
      const here = shelved ? "this browser keeps them" : "they are lost when this page is closed";
      const late = [...unsaved.values()].filter(since => Date.now() - since >= SLOW_MS).length;
      if (!alive && shelved) return `The kernel is gone, and nothing is lost: what you paint now stays in this browser. Run the cell again, and it is saved in ${file}.`;
      if (!alive) return `The kernel is gone, and this browser keeps nothing: what you paint now is lost when the page is closed.`;
      if (trouble) return `Not saved: ${trouble} Changes that wait: ${unsaved.size}; ${here}.`;
      if (late) return `Changes that wait for the kernel, which is busy or gone: ${late}; ${here}.`;
      return `${note} ${saved ? `Changes saved in ${file}: ${saved}` : `Each change is saved in ${file}`}.`.trim();
    },
  };

  model.on("msg:custom", message => {
    for (const name of message.saved ?? []) {
      if (unsaved.delete(name)) saved++;
      try { localStorage.removeItem(shelf + name); } catch { /* it keeps nothing */ }
    }
    trouble = message.trouble ?? "";
    if (message.runs) record.apply(message.runs, voxel => !labels[voxel]);  // not over what was painted meanwhile
    note = message.note ?? note;
    tell();
  });
  // JupyterLab says so when the kernel dies or is started again.
  model.on("comm_live_update", () => { alive = false; tell(); });

  // What no kernel has saved, from an earlier page or kernel.
  try {
    const left = Object.keys(localStorage).filter(name => name.startsWith(shelf)).sort();
    const edits = left.map(name => JSON.parse(localStorage.getItem(name)));
    edits.forEach(runs => record.apply(runs));
    left.forEach(name => localStorage.removeItem(name));
    if (left.length) note = `Changes that no kernel had saved are back: ${left.length}.`;
  } catch { shelved = false; }
  return record;
}

function makeBrush(viewer) {
  const { scene, model, record } = viewer, { labels, sizes } = model.get("brush"), flat = scene.planes.length === 1;
  let label = labels[0], painting = true;  // painting: whether a press paints; 0 erases
  let filling = label;       // the last label that was not "erase"
  let size = 3, ball = !flat, last = null, hovered = null, plane = scene.planes[0];

  const named = value => scene.label_names[value] ?? `label ${value}`;
  const choose = value => {
    painting = value !== null;
    if (painting) label = value;
    if (value) filling = value;
    viewer.redraw();
  };
  const resize = by => { size = Math.min(sizes.length - 1, Math.max(0, size + by)); viewer.redraw(); };
  const reshape = () => { ball = !ball; viewer.redraw(); };
  const fill = () => record.fill(filling, plane);

  // The voxels whose centres are within half the size of the crosshair's voxel: a ball, or a disc in the plane.
  function stamp(index, normal) {
    const radius = sizes[size] / 2 + 1e-6, ranges = scene.spacing.map((mm, axis) => {
      const reach = !ball && axis === normal ? 0 : Math.floor(radius / mm);
      return [Math.max(0, index[axis] - reach), Math.min(scene.size[axis] - 1, index[axis] + reach)];
    });
    const far = (i, axis) => ((i - index[axis]) * scene.spacing[axis]) ** 2;
    for (let k = ranges[2][0]; k <= ranges[2][1]; k++) {
      for (let j = ranges[1][0]; j <= ranges[1][1]; j++) {
        for (let i = ranges[0][0]; i <= ranges[0][1]; i++) {
          if (far(i, 0) + far(j, 1) + far(k, 2) > radius ** 2) continue;
          record.set(i + scene.size[0] * (j + scene.size[1] * k), label);
        }
      }
    }
  }
  function paintTo(index, normal) {
    const from = last ?? index, steps = Math.max(1, ...index.map((i, axis) => Math.abs(i - from[axis])));
    for (let n = 1; n <= steps; n++) stamp(index.map((i, axis) => Math.round(from[axis] + (i - from[axis]) * n / steps)), normal);
    last = index;
    viewer.moveTo(index);
    viewer.redraw();
  }
  function release() {
    last = null;
    record.finish();
  }

  // ---- the tools above the planes

  const button = (text, action, properties = {}) => {
    const made = element("button", { type: "button", ...properties }, text);
    made.addEventListener("click", action);
    return made;
  };
  const swatch = value => {
    const made = element("span", { className: "swatch" });
    made.style.background = `rgb(${COLOURS.labels[(value - 1) % COLOURS.labels.length]})`;
    return made;
  };
  const tools = new Map([[null, button("Look", () => choose(null))], [0, button("Erase", () => choose(0))]]);
  for (const value of labels) {
    tools.set(value, button(named(value), () => choose(value)));
    tools.get(value).prepend(swatch(value));
  }
  const slider = element("input", { type: "range", min: 0, max: sizes.length - 1, step: 1 }), shown = element("output");
  slider.addEventListener("input", () => resize(+slider.value - size));
  const shape = button("Ball", reshape);
  const undo = button("Undo", record.undo), redo = button("Redo", record.redo), between = button("Fill between slices", fill);
  const toolbar = element("div", { className: "tools", role: "group", "aria-label": "Brush" },
    ...tools.values(), element("label", {}, "Size ", slider, " ", shown), ...(flat ? [] : [shape]), undo, redo, ...(flat ? [] : [between]));
  const status = element("div", { className: "task", role: "status" });
  record.hearers.add(viewer.redraw);

  return {
    top: [toolbar, status],
    help: "; <kbd>Enter</kbd> paints at the crosshair, <kbd>0</kbd> erases, <kbd>1</kbd> to <kbd>9</kbd> choose the label, <kbd>L</kbd> looks,"
      + " <kbd>+</kbd> <kbd>−</kbd> change the size" + (flat ? "" : ", <kbd>B</kbd> ball or disc, <kbd>F</kbd> fills between the slices of this plane")
      + ", <kbd>Ctrl</kbd>+<kbd>Z</kbd> undoes, with <kbd>Shift</kbd> redoes",
    spoken: " Enter paints at the crosshair, 0 erases, 1 to 9 choose the label, L looks, plus and minus change the size,"
      + " B takes a ball or a disc, F fills between slices, Control Z undoes, with Shift redoes.",
    keys(event, view) {
      plane = view.plane;
      const key = event.key.toLowerCase();
      if (event.ctrlKey || event.metaKey) return key === "z" ? event.shiftKey ? record.redo : record.undo : null;
      if (key === "0") return () => choose(0);
      if (labels[+key - 1] !== undefined) return () => choose(labels[+key - 1]);
      if (key === "enter" && !event.shiftKey) {
        return () => { if (painting) { paintTo(viewer.index(), plane.normal); release(); } };
      }
      const known = { l: () => choose(null), "+": () => resize(1), "=": () => resize(1), "-": () => resize(-1) };
      return (flat ? known : { ...known, b: reshape, f: fill })[key];
    },
    press(view, event) {
      plane = view.plane;
      const index = view.under(event);
      if (painting && index) paintTo(index, plane.normal);
      return painting;
    },
    drag(view, event) {
      const index = view.under(event);
      if (index) paintTo(index, view.plane.normal);
      else last = null;
    },
    release,
    hover(view, index) {
      hovered = index && { view, index };
      viewer.redraw();
    },
    draw(view, index) {
      if (!painting) return;
      const [at, on] = hovered ? [hovered.index, hovered.view.plane] : [index, plane], radius = sizes[size] / 2;
      const off = Math.abs(at[view.plane.normal] - index[view.plane.normal]) * scene.spacing[view.plane.normal];
      if (ball ? off > radius : view.plane !== on) return;
      const { context } = view;
      context.beginPath();
      context.arc(...view.place(at), Math.sqrt(radius ** 2 - off ** 2) * view.scale(), 0, 2 * Math.PI);
      view.stroke(label ? "white" : "#CC79A7", !label);
    },
    refresh() {
      for (const [value, made] of tools) made.setAttribute("aria-pressed", value === (painting ? label : null));
      slider.value = size;
      shown.textContent = `${short(+sizes[size].toPrecision(3))} mm`;
      slider.setAttribute("aria-valuetext", shown.textContent);
      shape.textContent = ball ? "Ball" : "Disc";
      shape.setAttribute("aria-label", ball ? "Ball: paints in all slices within its size" : "Disc: paints in one slice");
      const words = record.status();
      if (status.textContent !== words) status.textContent = words;
    },
    close: () => record.hearers.delete(viewer.redraw),
  };
}
