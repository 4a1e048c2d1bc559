// The viewer's canvas: slices the voxels it was sent, and draws the planes. Nothing here waits for the kernel.

const ARRAYS = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  float32: Float32Array, float64: Float64Array,
};
const SYNC_MS = 150;   // after the last move, Python learns the position
const SPEAK_MS = 600;  // after the last move, a screen reader does
const WHEEL_PX = 40, LINE_PX = 16;  // so far does the wheel turn, or a finger slide, for one slice
const OVERLAY = 0, CHECKERBOARD = 1, DIFFERENCE = 2;
const REACH = 3;       // mm: a plane shows the landmarks that lie this near, or in its slice
const PICKING = ["fixed", "moving"];  // the modes in which a click sets a landmark; `marks` takes them in turn

async function unpack(layer) {
  const stream = new Blob([layer.voxels]).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = new ARRAYS[layer.type](await new Response(stream).arrayBuffer());
  return { ...layer, values };
}

// ---- geometry: index = D⁻¹ (position − origin) / spacing; D is a rotation, so its inverse is its transpose

function toPosition({ origin, spacing, direction }, index) {
  return [0, 1, 2].map(p => origin[p] + [0, 1, 2].reduce((s, a) => s + direction[3 * p + a] * spacing[a] * index[a], 0));
}

function toContinuousIndex({ origin, spacing, direction }, position) {
  return [0, 1, 2].map(a => [0, 1, 2].reduce((s, p) => s + direction[3 * p + a] * (position[p] - origin[p]), 0) / spacing[a]);
}

function toIndex(scene, position) {
  return toContinuousIndex(scene, position).map((i, a) => Math.min(scene.size[a] - 1, Math.max(0, Math.round(i))));
}

// ---- pixels of one slice

// As in the static figures, a value that is not finite is black, and covers nothing as an overlay.
const grey = (value, low, gain) => Number.isFinite(value) ? Math.min(255, Math.max(0, (value - low) * gain)) : 0;

function paint(pixels, plane, slice, scene, layers, model) {
  const { image, overlay, labels } = layers, { size, spacing } = scene;
  const strides = [1, size[0], size[0] * size[1]];
  const columns = size[plane.right], rows = size[plane.down];
  const stepX = strides[plane.right] * (plane.flip_right ? -1 : 1), stepY = strides[plane.down] * (plane.flip_down ? -1 : 1);
  const first = slice * strides[plane.normal] + (plane.flip_right ? (columns - 1) * strides[plane.right] : 0)
    + (plane.flip_down ? (rows - 1) * strides[plane.down] : 0);
  const [low, high] = model.get("window"), gain = 255 / (high - low || 1);
  const view = overlay ? model.get("view") : OVERLAY;
  const opacity = model.get("opacity"), tint = model.get("labels_opacity");
  const [overLow, overHigh] = overlay ? overlay.window : [0, 1], overGain = 255 / (overHigh - overLow);
  const tile = Math.max(...plane.size) / 10;
  const span = image.window[1] - image.window[0];
  let out = 0;
  for (let r = 0; r < rows; r++) {
    const tileRow = Math.floor((r + 0.5) * spacing[plane.down] / tile);
    for (let c = 0; c < columns; c++, out += 4) {
      const voxel = first + r * stepY + c * stepX;
      let red, green, blue;
      if (image.components > 1) {
        const at = voxel * image.components;
        red = (image.values[at] - low) * gain;
        green = (image.values[at + 1] - low) * gain;
        blue = (image.values[at + 2] - low) * gain;
      } else {
        red = grey(image.values[voxel], low, gain);
        if (view === CHECKERBOARD && (tileRow + Math.floor((c + 0.5) * spacing[plane.right] / tile)) % 2) {
          red = grey(overlay.values[voxel], overLow, overGain);
        }
        green = blue = red;
      }
      if (view === DIFFERENCE) {
        const difference = image.values[voxel] - overlay.values[voxel];
        const entry = 4 * Math.min(255, Math.max(0, Math.floor((difference / span / 2 + 0.5) * 256)));
        const known = Number.isFinite(difference);
        red = known ? scene.difference_colours[entry] : 0;
        green = known ? scene.difference_colours[entry + 1] : 0;
        blue = known ? scene.difference_colours[entry + 2] : 0;
      } else if (overlay && view === OVERLAY && Number.isFinite(overlay.values[voxel])) {
        const entry = 4 * Math.min(255, Math.max(0, Math.round((overlay.values[voxel] - overLow) * overGain)));
        const cover = opacity * scene.overlay_colours[entry + 3] / 255;
        red += cover * (scene.overlay_colours[entry] - red);
        green += cover * (scene.overlay_colours[entry + 1] - green);
        blue += cover * (scene.overlay_colours[entry + 2] - blue);
      }
      const label = labels ? labels.values[voxel] : 0;
      if (label) {
        const inside = c > 0 && r > 0 && c < columns - 1 && r < rows - 1
          && labels.values[voxel - stepX] === label && labels.values[voxel + stepX] === label
          && labels.values[voxel - stepY] === label && labels.values[voxel + stepY] === label;
        const cover = inside ? tint : Math.min(1, 3 * tint);
        const colour = scene.label_rgb[(label - 1) % scene.label_rgb.length];
        red += cover * (colour[0] - red);
        green += cover * (colour[1] - green);
        blue += cover * (colour[2] - blue);
      }
      pixels[out] = red; pixels[out + 1] = green; pixels[out + 2] = blue; pixels[out + 3] = 255;
    }
  }
}

// ---- text

const minus = text => String(text).replaceAll("-", "−");
const short = value => minus(Number.isInteger(value) ? value : Number(value.toPrecision(5)));

function describe(scene, layers, index) {
  const voxel = index[0] + scene.size[0] * (index[1] + scene.size[1] * index[2]);
  const place = toPosition(scene, index).slice(0, scene.dimension).map((p, n) => `${"xyz"[n]} ${minus((p + 0).toFixed(1))}`);
  const { image, overlay, labels } = layers, words = [`${place.join(", ")} mm`, `voxel (${index.slice(0, scene.dimension).join(", ")})`];
  const values = Array.from({ length: image.components }, (_, n) => short(image.values[voxel * image.components + n]));
  words.push(`value ${values.join(", ")}`);
  if (overlay) words.push(`overlay ${short(overlay.values[voxel])}`);
  if (labels) words.push(`label ${labels.values[voxel]} ${scene.label_names[labels.values[voxel]] ?? ""}`.trim());
  return words.join(" · ");
}

function length(mm) {
  return mm > 0.999 ? `${mm} mm` : mm > 0.999e-3 ? `${Math.round(mm * 1e3)} µm` : `${Math.round(mm * 1e6)} nm`;
}

// ---- one plane: its canvas, drawing, keys and mouse

function makePlane(plane, tall, viewer) {
  const { scene, model } = viewer, name = plane.name || "image";
  const figure = document.createElement("div"), caption = document.createElement("div"), canvas = document.createElement("canvas");
  figure.className = "plane";
  caption.className = "caption";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `${name} plane. Arrow keys move the crosshair; Page Up and Page Down change the slice.`
    + (viewer.part < 0 ? "" : " Enter sets a landmark at the crosshair; Backspace takes the last one back."));
  canvas.style.aspectRatio = `${plane.size[0]} / ${tall}`;
  if (plane.name) figure.append(caption);
  figure.append(canvas);
  const context = canvas.getContext("2d"), hidden = document.createElement("canvas");
  hidden.width = scene.size[plane.right];
  hidden.height = scene.size[plane.down];
  const buffer = hidden.getContext("2d"), picture = buffer.createImageData(hidden.width, hidden.height);
  const column = i => plane.flip_right ? hidden.width - 1 - i : i, row = i => plane.flip_down ? hidden.height - 1 - i : i;

  function draw() {
    const index = viewer.index(), density = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * density), height = Math.round(canvas.clientHeight * density);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const scale = width / plane.size[0], top = (height - plane.size[1] * scale) / 2;  // pixels per mm
    paint(picture.data, plane, index[plane.normal], scene, viewer.layers, model);
    buffer.putImageData(picture, 0, 0);
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = width / hidden.width < 3;  // large voxels are shown as what they are
    context.drawImage(hidden, 0, top, width, plane.size[1] * scale);

    const x = (column(index[plane.right]) + 0.5) * width / hidden.width;
    const y = top + (row(index[plane.down]) + 0.5) * plane.size[1] * scale / hidden.height, gap = 8 * density;
    context.strokeStyle = "#F0E442";
    context.lineWidth = density;
    context.beginPath();
    for (const [x1, y1, x2, y2] of [[0, y, x - gap, y], [x + gap, y, width, y], [x, 0, x, y - gap], [x, y + gap, x, height]]) {
      if (x2 >= x1 && y2 >= y1) { context.moveTo(x1, y1); context.lineTo(x2, y2); }
    }
    context.stroke();

    const edge = 5 * density, outlined = (text, tx, ty, align, baseline) => {
      Object.assign(context, { textAlign: align, textBaseline: baseline, lineWidth: 3 * density, strokeStyle: "black", fillStyle: "white" });
      context.strokeText(text, tx, ty);
      context.fillText(text, tx, ty);
    };
    context.font = `bold ${12 * density}px sans-serif`;
    viewer.marks().forEach(({ at, number, half }) => {
      const place = toContinuousIndex(scene, at), apart = Math.abs(place[plane.normal] - index[plane.normal]);
      if (apart > 0.5 && apart * scene.spacing[plane.normal] > REACH) return;
      const cx = (column(place[plane.right]) + 0.5) * width / hidden.width;
      const cy = top + (row(place[plane.down]) + 0.5) * plane.size[1] * scale / hidden.height;
      context.beginPath();
      context.arc(cx, cy, edge, 0, 2 * Math.PI);
      context.setLineDash(half ? [2 * density, 2 * density] : []);
      for (const [lineWidth, strokeStyle] of [[4 * density, "black"], [2 * density, "#E69F00"]]) {
        Object.assign(context, { lineWidth, strokeStyle });
        context.stroke();
      }
      context.setLineDash([]);
      outlined(number, cx + 1.5 * edge, cy - edge, "left", "bottom");
    });
    outlined(plane.edges[0], edge, height / 2, "left", "middle");
    outlined(plane.edges[1], width - edge, height / 2, "right", "middle");
    outlined(plane.edges[2], width / 2, edge, "center", "top");
    outlined(plane.edges[3], width / 2, height - edge, "center", "bottom");
    context.font = `${10.5 * density}px sans-serif`;
    outlined(length(scene.bar), 2 * edge, height - 2.4 * edge, "left", "bottom");
    context.fillRect(2 * edge, height - 2 * edge, scene.bar * scale, 2 * density);
    context.fillStyle = "black";
    if (plane.name) caption.textContent = viewer.caption(plane, index);
  }

  function under(event) {
    const box = canvas.getBoundingClientRect(), scale = plane.size[0] / box.width;
    const c = Math.floor((event.clientX - box.left) * scale / plane.size[0] * hidden.width);
    const r = Math.floor(((event.clientY - box.top - box.height / 2) * scale / plane.size[1] + 0.5) * hidden.height);
    if (c < 0 || r < 0 || c >= hidden.width || r >= hidden.height) return null;
    const index = viewer.index();
    index[plane.right] = column(c);
    index[plane.down] = row(r);
    return index;
  }

  function step(axis, by) {
    const index = viewer.index();
    index[axis] = Math.min(scene.size[axis] - 1, Math.max(0, index[axis] + by));
    viewer.point(null);  // what counts now is the crosshair, not the pointer
    viewer.moveTo(index);
  }

  function pick(event) {
    const control = event.ctrlKey || event.metaKey, { key } = event;
    if (control ? key.toLowerCase() === "z" && !event.shiftKey : key === "Backspace") return viewer.undo;
    return !control && !event.shiftKey && key === "Enter" ? viewer.mark : null;
  }

  canvas.addEventListener("keydown", event => {
    const action = viewer.part < 0 || event.altKey ? null : pick(event);
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 10 : 1, right = plane.flip_right ? -by : by, down = plane.flip_down ? -by : by;
    const moves = {
      ArrowRight: [plane.right, right], ArrowLeft: [plane.right, -right], ArrowDown: [plane.down, down], ArrowUp: [plane.down, -down],
      PageUp: [plane.normal, by], PageDown: [plane.normal, -by], "]": [plane.normal, by], "[": [plane.normal, -by],
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    step(...moves[event.key]);
  });
  canvas.addEventListener("pointerdown", event => {
    canvas.focus({ preventScroll: true });
    const index = under(event);
    if (!index || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);  // a drag stays in the plane that it began in
    viewer.moveTo(index);
  });
  canvas.addEventListener("pointermove", event => {
    const index = under(event);
    if (index && canvas.hasPointerCapture(event.pointerId)) viewer.moveTo(index);
    viewer.point(index);
  });
  canvas.addEventListener("click", event => { if (viewer.part >= 0 && under(event)) viewer.mark(); });
  canvas.addEventListener("pointerleave", () => viewer.point(null));
  let rolled = 0;
  canvas.addEventListener("wheel", event => {
    // Elsewhere the wheel scrolls the page; with Ctrl it zooms, everywhere.
    if (document.activeElement !== canvas || event.ctrlKey || !event.deltaY) return;
    event.preventDefault();
    rolled += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    if (Math.abs(rolled) < WHEEL_PX) return;
    step(plane.normal, rolled < 0 ? 1 : -1);
    rolled = 0;
  }, { passive: false });
  return { figure, canvas, draw };
}

// ---- the viewer

// ipywidgets leaves the handles of its sliders without a name.
function nameHandles(el) {
  el.closest(".widget-vbox")?.querySelectorAll(".noUi-handle").forEach(handle => {
    const label = handle.closest(".widget-inline-hbox")?.querySelector("label");
    const range = handle.closest(".noUi-base").querySelector(".noUi-handle-upper");
    const end = !range ? "" : handle === range ? ", upper end" : ", lower end";
    if (label) handle.setAttribute("aria-label", label.textContent + end);
  });
}

function makeViewer(model, el, layers) {
  const scene = { ...model.get("scene") }, part = PICKING.indexOf(model.get("mode"));
  scene.label_rgb = scene.label_colours.map(hex => [1, 3, 5].map(n => parseInt(hex.slice(n, n + 2), 16)));
  const readout = Object.assign(document.createElement("div"), { className: "readout" });
  const spoken = Object.assign(document.createElement("div"), { className: "spoken" });
  spoken.setAttribute("role", "status");
  const help = Object.assign(document.createElement("div"), {
    className: "help",
    innerHTML: "Click a plane, then: <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move the crosshair (with <kbd>Shift</kbd>, by 10)"
      + (scene.planes.length > 1 ? "; <kbd>Page Up</kbd> <kbd>Page Down</kbd> or the wheel change the slice" : "")
      + (part < 0 ? "." : "; <kbd>Enter</kbd> sets a landmark at the crosshair, <kbd>Backspace</kbd> takes the last one back."),
  });
  const task = Object.assign(document.createElement("div"), { className: "task" });
  if (part === 0) task.setAttribute("role", "status");  // both viewers show it, one says it
  let syncing, speaking, waiting = false, pointed = null;

  const viewer = {
    scene, model, layers, part,
    index: () => toIndex(scene, model.get("position")),
    moveTo(index) {
      model.set("position", toPosition(scene, index));
      clearTimeout(syncing);
      syncing = setTimeout(() => model.save_changes(), SYNC_MS);
    },
    marks() {
      const marks = model.get("marks");
      const numbered = marks.map((at, n) => ({ at, number: (n >> 1) + 1, half: n === marks.length - 1 && n % 2 === 0 }));
      return numbered.filter((_, n) => n % 2 === part);
    },
    mark() {
      const marks = model.get("marks"), turn = marks.length % 2;
      if (turn < part) return;  // the moving image waits for its landmark in the fixed one
      const before = turn === part ? marks : marks.slice(0, -1);  // half a pair can still be set elsewhere
      model.set("marks", [...before, model.get("position")]);
      model.save_changes();
    },
    undo() {
      model.set("marks", model.get("marks").slice(0, -1));
      model.save_changes();
    },
    point(index) {
      pointed = index;
      readout.textContent = describe(scene, layers, index ?? viewer.index());
    },
    caption(plane, index) {
      const axis = [0, 1, 2].find(p => Math.abs(scene.direction[3 * p + plane.normal]) > 0.9999);
      const place = axis === undefined ? "oblique" : `${"xyz"[axis]} = ${short(+toPosition(scene, index)[axis].toFixed(3) + 0)} mm`;
      return `${plane.name} · ${"ijk"[plane.normal]} = ${index[plane.normal]} · ${place}`;
    },
  };
  const tall = Math.max(...scene.planes.map(plane => plane.size[1])), wide = scene.planes.map(plane => plane.size[0]);
  const planes = scene.planes.map(plane => makePlane(plane, tall, viewer));
  const grid = Object.assign(document.createElement("div"), { className: "planes" });
  grid.style.setProperty("--columns", wide.map(width => `minmax(0, ${width}fr)`).join(" "));
  grid.style.maxWidth = `${24 * wide.reduce((a, b) => a + b) / tall}rem`;
  grid.append(...planes.map(plane => plane.figure));
  el.replaceChildren(...(part < 0 ? [] : [task]), grid, readout, help, spoken);

  const draw = () => {
    waiting = false;
    planes.forEach(plane => plane.draw());
    viewer.point(pointed);
    nameHandles(el);
    const marks = model.get("marks").length, pairs = marks >> 1;
    const next = marks % 2 ? `Landmark ${pairs + 1}: now click the same place in the moving image.`
      : `${pairs} ${pairs === 1 ? "pair" : "pairs"}. Next: click landmark ${pairs + 1} in the fixed image.`;
    if (task.textContent !== next) task.textContent = next;  // a screen reader says each change
  };
  const soon = () => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
    clearTimeout(speaking);
    speaking = setTimeout(() => { spoken.textContent = describe(scene, layers, viewer.index()); }, SPEAK_MS);
  };
  const events = ["position", "window", "opacity", "labels_opacity", "view", "marks"].map(name => `change:${name}`).join(" ");
  model.on(events, soon);
  const observer = new ResizeObserver(soon);
  planes.forEach(plane => observer.observe(plane.canvas));
  return () => { model.off(events, soon); observer.disconnect(); clearTimeout(speaking); };
}

export default () => {
  let layers;
  return {
    initialize({ model }) {
      layers = Promise.all(Object.entries(model.get("layers")).map(async ([name, layer]) => [name, await unpack(layer)]))
        .then(Object.fromEntries);
    },
    async render({ model, el }) {
      el.classList.add("regseg-explore");
      el.textContent = "The images are on their way …";
      const ready = await layers;
      return makeViewer(model, el, ready);
    },
  };
};
