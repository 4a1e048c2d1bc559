// The viewer's canvas: slices the voxels it was sent, and draws the planes. Nothing here waits for the kernel.

const WHEEL_PX = 40, LINE_PX = 16;  // so far does the wheel turn, or a finger slide, for one slice
const OVERLAY = 0, CHECKERBOARD = 1, DIFFERENCE = 2, BLEND = 3;
const GRIP_PX = 8;     // so near to a point or an edge is on it
const ZOOM = Math.SQRT2, MOST = 16;  // by one press of Z, and by all
const WINDOW_PX = 200; // a drag this long moves the window by its width, or makes it e times as wide
const STRIPE = 3;      // pixels of the stripes that say: no value

// What the pointer and the keys do beside moving the crosshair (marks.js, box.js, brush.js). All parts of a mode may be
// left out: top, elements above the planes; help (HTML) and spoken (text), its keys in words; keys(event, view), what a
// key does; press(view, event), whether a press is more than a look: drag(view, event) and release() follow then;
// double(view, event); hover(view, index); refresh(), then draw(view, index) for each plane; close().
const MODES = {
  look: () => ({}),
  fixed: viewer => makeMarks(viewer, 0, 2),
  moving: viewer => makeMarks(viewer, 1, 2),
  seed: viewer => makeMarks(viewer, 0, 1),
  box: viewer => makeBox(viewer),
  brush: viewer => makeBrush(viewer),
};

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

// A value that is not finite covers nothing as an overlay, and is black where two images are mixed.
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
  const span = image.window[1] - image.window[0], [fixedColour, movingColour] = COLOURS.blend;
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
        if (Number.isNaN(image.values[voxel])) {
          [red, green, blue] = Math.floor((c + r) / STRIPE) % 2 ? [70, 60, 100] : [35, 30, 50];
        }
      }
      if (view === DIFFERENCE) {
        const difference = image.values[voxel] - overlay.values[voxel];
        const entry = Math.min(255, Math.max(0, Math.floor((difference / span / 2 + 0.5) * 256)));
        [red, green, blue] = Number.isFinite(difference) ? COLOURS.difference[entry] : [0, 0, 0];
      } else if (view === BLEND) {
        const moving = grey(overlay.values[voxel], overLow, overGain);
        [red, green, blue] = fixedColour.map((share, n) => share * red + movingColour[n] * moving);
      } else if (overlay && view === OVERLAY && Number.isFinite(overlay.values[voxel])) {
        const entry = Math.min(255, Math.max(0, Math.round((overlay.values[voxel] - overLow) * overGain)));
        const [overRed, overGreen, overBlue, alpha] = COLOURS.overlay[entry], cover = opacity * alpha / 255;
        red += cover * (overRed - red);
        green += cover * (overGreen - green);
        blue += cover * (overBlue - blue);
      }
      const label = labels ? labels.values[voxel] : 0;
      if (label) {
        const inside = c > 0 && r > 0 && c < columns - 1 && r < rows - 1
          && labels.values[voxel - stepX] === label && labels.values[voxel + stepX] === label
          && labels.values[voxel - stepY] === label && labels.values[voxel + stepY] === label;
        const cover = inside ? tint : Math.min(1, 3 * tint);
        const colour = COLOURS.labels[(label - 1) % COLOURS.labels.length];
        red += cover * (colour[0] - red);
        green += cover * (colour[1] - green);
        blue += cover * (colour[2] - blue);
      }
      pixels[out] = red; pixels[out + 1] = green; pixels[out + 2] = blue; pixels[out + 3] = 255;
    }
  }
}

// ---- text

const short = value => Number.isNaN(value) ? "none" : minus(Number.isInteger(value) ? value : Number(value.toPrecision(5)));

function describe(scene, layers, index) {
  const voxel = index[0] + scene.size[0] * (index[1] + scene.size[1] * index[2]);
  const digits = Math.max(1, Math.ceil(-Math.log10(Math.min(...scene.spacing))));  // enough to tell neighbours apart
  const place = toPosition(scene, index).slice(0, scene.dimension).map((p, n) => `${"xyz"[n]} ${minus((p + 0).toFixed(digits))}`);
  if (scene.sketch) return `${place.join(", ")} mm · ${scene.sketch}: all voxels are on their way`;
  const { image, overlay, labels } = layers, words = [`${place.join(", ")} mm`, `voxel (${index.slice(0, scene.dimension).join(", ")})`];
  const values = Array.from({ length: image.components }, (_, n) => short(image.values[voxel * image.components + n]));
  words.push(`value ${values.join(", ")}`);
  if (overlay) words.push(`overlay ${short(overlay.values[voxel])}`);
  if (labels) words.push(`label ${labels.values[voxel]} ${scene.label_names[labels.values[voxel]] ?? ""}`.trim());
  return words.join(" · ");
}

// The longest of 1, 2 and 5 times a power of ten that is no longer.
function roundLength(mm) {
  const power = 10 ** Math.floor(Math.log10(mm));
  return [5, 2, 1].map(times => times * power).find(round => round <= mm * (1 + 1e-9));
}

function length(mm) {
  return mm > 0.999 ? `${mm} mm` : mm > 0.999e-3 ? `${Math.round(mm * 1e3)} µm` : `${Math.round(mm * 1e6)} nm`;
}

// ---- one plane: its canvas, drawing, keys and mouse

function makePlane(plane, tall, viewer) {
  const { scene, model, mode } = viewer, name = plane.name || "image";
  const figure = document.createElement("div"), caption = document.createElement("div"), canvas = document.createElement("canvas");
  figure.className = "plane";
  caption.className = "caption";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `${name} plane. Arrow keys move the crosshair; Page Up and Page Down change the slice; Z enlarges, Shift Z the other way.`
    + (mode.spoken ?? ""));
  canvas.style.aspectRatio = `${plane.size[0]} / ${tall}`;
  if (plane.name) figure.append(caption);
  figure.append(canvas);
  const context = canvas.getContext("2d"), hidden = document.createElement("canvas");
  hidden.width = scene.size[plane.right];
  hidden.height = scene.size[plane.down];
  const buffer = hidden.getContext("2d"), picture = buffer.createImageData(hidden.width, hidden.height);
  const column = i => plane.flip_right ? hidden.width - 1 - i : i, row = i => plane.flip_down ? hidden.height - 1 - i : i;

  const view = {
    plane, context,
    density: () => canvas.width / canvas.clientWidth,
    scale: () => canvas.width / plane.size[0] * viewer.zoom,  // pixels of the canvas in a mm
    // Where an index, with fractions, lies on the canvas, in its pixels; where the pointer does.
    place: index => [
      canvas.width / 2 + (column(index[plane.right]) - column(viewer.middle[plane.right])) * scene.spacing[plane.right] * view.scale(),
      canvas.height / 2 + (row(index[plane.down]) - row(viewer.middle[plane.down])) * scene.spacing[plane.down] * view.scale(),
    ],
    shows(index) {
      const [x, y] = view.place(index);
      return x >= 0 && y >= 0 && x <= canvas.width && y <= canvas.height;
    },
    pixel(event) {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * view.density(), (event.clientY - box.top) * view.density()];
    },
    cell(event) {
      const box = canvas.getBoundingClientRect(), mm = plane.size[0] / box.width / viewer.zoom;
      const right = (event.clientX - box.left - box.width / 2) * mm, down = (event.clientY - box.top - box.height / 2) * mm;
      return [
        Math.floor(right / scene.spacing[plane.right] + column(viewer.middle[plane.right]) + 0.5),
        Math.floor(down / scene.spacing[plane.down] + row(viewer.middle[plane.down]) + 0.5),
      ];
    },
    voxel([c, r]) {
      const index = viewer.index();
      index[plane.right] = column(c);
      index[plane.down] = row(r);
      return index;
    },
    // The voxel under the pointer: beside the picture null, or the one that is nearest.
    under(event) {
      const [c, r] = view.cell(event);
      return c < 0 || r < 0 || c >= hidden.width || r >= hidden.height ? null : view.voxel([c, r]);
    },
    nearest(event) {
      const [c, r] = view.cell(event);
      return view.voxel([Math.min(hidden.width - 1, Math.max(0, c)), Math.min(hidden.height - 1, Math.max(0, r))]);
    },
    outlined(text, x, y, align, baseline) {
      const lineWidth = 3 * view.density();
      Object.assign(context, { textAlign: align, textBaseline: baseline, lineWidth, strokeStyle: "black", fillStyle: "white" });
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    },
    // The path, in a colour on black, so that it stands out from every picture.
    stroke(colour, dashed = false) {
      context.setLineDash(dashed ? [3 * view.density(), 3 * view.density()] : []);
      for (const [width, strokeStyle] of [[4, "black"], [2, colour]]) {
        Object.assign(context, { lineWidth: width * view.density(), strokeStyle });
        context.stroke();
      }
      context.setLineDash([]);
    },
  };

  function draw() {
    const index = viewer.index(), density = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * density), height = Math.round(canvas.clientHeight * density);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const scale = view.scale(), across = scene.spacing[plane.right] * scale, along = scene.spacing[plane.down] * scale;
    paint(picture.data, plane, index[plane.normal], scene, viewer.layers, model);
    buffer.putImageData(picture, 0, 0);
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = across < 3;  // large voxels are shown as what they are
    const [x, y] = view.place(index), gap = 8 * density;
    const left = x - (column(index[plane.right]) + 0.5) * across, top = y - (row(index[plane.down]) + 0.5) * along;
    context.drawImage(hidden, left, top, hidden.width * across, hidden.height * along);
    context.strokeStyle = "#F0E442";
    context.lineWidth = density;
    context.beginPath();
    for (const [x1, y1, x2, y2] of [[0, y, x - gap, y], [x + gap, y, width, y], [x, 0, x, y - gap], [x, y + gap, x, height]]) {
      if (x2 >= x1 && y2 >= y1) { context.moveTo(x1, y1); context.lineTo(x2, y2); }
    }
    context.stroke();

    context.font = `bold ${12 * density}px sans-serif`;
    mode.draw?.(view, index);
    const edge = 5 * density;
    view.outlined(plane.edges[0], edge, height / 2, "left", "middle");
    view.outlined(plane.edges[1], width - edge, height / 2, "right", "middle");
    view.outlined(plane.edges[2], width / 2, edge, "center", "top");
    view.outlined(plane.edges[3], width / 2, height - edge, "center", "bottom");
    context.font = `${10.5 * density}px sans-serif`;
    const bar = roundLength(0.3 * Math.min(...scene.planes.map(each => each.size[0])) / viewer.zoom);
    view.outlined(length(bar), 2 * edge, height - 2.4 * edge, "left", "bottom");
    context.fillRect(2 * edge, height - 2 * edge, bar * scale, 2 * density);
    if (plane.name) caption.textContent = viewer.caption(plane, index);
  }

  function step(axis, by) {
    const index = viewer.index();
    index[axis] = Math.min(scene.size[axis] - 1, Math.max(0, index[axis] + by));
    viewer.point(null);  // what counts now is the crosshair, not the pointer
    viewer.moveTo(index);
  }

  function moves(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    const by = event.shiftKey ? 10 : 1, right = plane.flip_right ? -by : by, down = plane.flip_down ? -by : by;
    const known = {
      ArrowRight: [plane.right, right], ArrowLeft: [plane.right, -right], ArrowDown: [plane.down, down], ArrowUp: [plane.down, -down],
      PageUp: [plane.normal, by], PageDown: [plane.normal, -by], "]": [plane.normal, by], "[": [plane.normal, -by],
    };
    if (event.key.toLowerCase() === "z") return () => viewer.zoomTo(viewer.zoom * (event.shiftKey ? 1 / ZOOM : ZOOM));
    return event.key in known ? () => step(...known[event.key]) : null;
  }

  canvas.addEventListener("keydown", event => {
    const action = (event.altKey ? null : mode.keys?.(event, view)) ?? moves(event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });

  // What a drag does follows from how it begins: { move(event), end() }.
  const looking = { move(event) { const index = view.under(event); if (index) viewer.moveTo(index); }, end() {} };
  const taken = { move: event => mode.drag(view, event), end: () => mode.release() };  // it is more than a look
  function windowing(start) {
    const [low, high] = model.get("window"), wide = high - low;
    return {
      move(event) {
        const half = wide / 2 * Math.exp((event.clientX - start.clientX) / WINDOW_PX);
        const middle = (low + high) / 2 + wide * (event.clientY - start.clientY) / WINDOW_PX;
        model.set("window", [middle - half, middle + half]);
      },
      end: () => model.save_changes(),
    };
  }
  // The place under the pointer stays there; each place in CSS pixels.
  function panning(start) {
    const perPixel = () => [[plane.right, plane.flip_right], [plane.down, plane.flip_down]].map(([axis, flipped]) =>
      [axis, (flipped ? -1 : 1) * plane.size[0] / canvas.clientWidth / viewer.zoom / scene.spacing[axis]]);
    const box = canvas.getBoundingClientRect(), centre = [box.left + box.width / 2, box.top + box.height / 2];
    const held = perPixel().map(([axis, by], n) => viewer.middle[axis] + by * (start[n] - centre[n]));
    return {
      to(place) {
        perPixel().forEach(([axis, by], n) => { viewer.middle[axis] = held[n] - by * (place[n] - centre[n]); });
        viewer.redraw();
      },
      move(event) { this.to([event.clientX, event.clientY]); },
      end() {},
    };
  }
  function begin(event) {
    if (event.button === 2) return windowing(event);
    if (event.button === 1 || event.shiftKey) return panning([event.clientX, event.clientY]);
    return mode.press?.(view, event) ? taken : looking;
  }
  const fingers = new Map();  // on the canvas now, with a mouse as one: where each is
  // Two fingers enlarge by how far they are apart, and hold the place between them.
  function pinching() {
    const apart = () => Math.hypot(...[0, 1].map(n => [...fingers.values()].reduce((a, b) => a[n] - b[n])));
    const between = () => [0, 1].map(n => [...fingers.values()].reduce((a, b) => (a[n] + b[n]) / 2));
    const one = apart() / viewer.zoom, held = panning(between());
    return {
      move() {
        viewer.zoomTo(apart() / one);
        if (viewer.zoom > 1) held.to(between());
      },
      end() {},
    };
  }
  let gesture = null;
  canvas.addEventListener("pointerdown", event => {
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);  // a drag stays in the plane that it began in
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    gesture?.end();
    gesture = [begin, pinching][fingers.size - 1]?.(event);
    if (gesture === looking) looking.move(event);
    if (event.button === 1) event.preventDefault();  // no scrolling by itself
  });
  canvas.addEventListener("pointermove", event => {
    const index = view.under(event);
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, [event.clientX, event.clientY]);
    gesture?.move(event);
    viewer.point(index);
    mode.hover?.(view, index);
  });
  canvas.addEventListener("lostpointercapture", event => {
    fingers.delete(event.pointerId);
    gesture?.end();
    gesture = null;
  });
  canvas.addEventListener("touchstart", event => { if (event.touches.length > 1) event.preventDefault(); });  // nor does the page scroll
  canvas.addEventListener("contextmenu", event => event.preventDefault());  // the right button sets the window
  canvas.addEventListener("dblclick", event => mode.double?.(view, event));
  canvas.addEventListener("pointerleave", () => {
    viewer.point(null);
    mode.hover?.(view, null);
  });
  let rolled = 0;
  canvas.addEventListener("wheel", event => {
    // Elsewhere the wheel scrolls the page.
    if (document.activeElement !== canvas || !event.deltaY) return;
    event.preventDefault();
    if (event.ctrlKey) return viewer.zoomTo(viewer.zoom * Math.exp(-event.deltaY / 300));
    rolled += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    if (Math.abs(rolled) < WHEEL_PX) return;
    step(plane.normal, rolled < 0 ? 1 : -1);
    rolled = 0;
  }, { passive: false });
  return { figure, canvas, draw, shows: view.shows };
}

// ---- the viewer

function makeViewer(model, el, layers, record) {
  const scene = model.get("scene");
  const readout = element("div", { className: "readout" }), spoken = element("div", { className: "spoken", role: "status" });
  const firstWindow = model.get("window");
  let syncing, speaking, waiting = false, pointed = null, drawn = "";

  const viewer = {
    scene, model, layers, record,
    zoom: 1,
    middle: scene.size.map(n => (n - 1) / 2),  // the index, with fractions, in the middle of the canvas
    zoomTo(zoom) {
      viewer.zoom = Math.min(MOST, zoom < 1.001 ? 1 : zoom);
      viewer.middle = viewer.zoom > 1 ? viewer.index() : scene.size.map(n => (n - 1) / 2);
      viewer.redraw();
    },
    reset() {
      model.set("window", firstWindow);
      model.save_changes();
      viewer.zoomTo(1);
    },
    enlarge: () => document.fullscreenElement ? document.exitFullscreen() : el.requestFullscreen(),
    save() {
      const shown = planes.map(plane => plane.canvas), gap = 6 * window.devicePixelRatio;
      const sheet = element("canvas", {
        width: shown.reduce((sum, each) => sum + each.width + gap, -gap), height: Math.max(...shown.map(each => each.height)),
      });
      const context = sheet.getContext("2d");
      let left = 0;
      context.fillRect(0, 0, sheet.width, sheet.height);
      for (const each of shown) {
        context.drawImage(each, left, sheet.height - each.height);
        left += each.width + gap;
      }
      element("a", { href: sheet.toDataURL(), download: "planes.png" }).click();
    },
    index: () => toIndex(scene, model.get("position")),
    moveTo(index) {
      model.set("position", toPosition(scene, index));
      clearTimeout(syncing);
      syncing = setTimeout(() => model.save_changes(), SYNC_MS);
    },
    point(index) {
      pointed = index;
      readout.textContent = describe(scene, layers, index ?? viewer.index());
    },
    caption(plane, index) {
      if (scene.sketch) return plane.name;
      const axis = [0, 1, 2].find(p => Math.abs(scene.direction[3 * p + plane.normal]) > 0.9999);
      const place = axis === undefined ? "oblique" : `${"xyz"[axis]} = ${short(+toPosition(scene, index)[axis].toFixed(3) + 0)} mm`;
      return `${plane.name} · ${"ijk"[plane.normal]} = ${index[plane.normal]} · ${place}`;
    },
    redraw() {
      if (!waiting) requestAnimationFrame(draw);
      waiting = true;
      clearTimeout(speaking);
      speaking = setTimeout(() => { spoken.textContent = describe(scene, layers, viewer.index()); }, SPEAK_MS);
    },
  };
  const mode = viewer.mode = MODES[model.get("mode")](viewer);
  const help = element("div", {
    className: "help",
    innerHTML: "Click a plane, then: <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move the crosshair (with <kbd>Shift</kbd>, by 10)"
      + (scene.planes.some(plane => scene.size[plane.normal] > 1) ? "; <kbd>Page Up</kbd> <kbd>Page Down</kbd> or the wheel change the slice" : "")
      + "; <kbd>Z</kbd>, <kbd>Ctrl</kbd> with the wheel or two fingers enlarge, with <kbd>Shift</kbd> <kbd>Z</kbd> the other way"
      + "; a drag with the right button sets the window, with <kbd>Shift</kbd> or two fingers it moves the picture" + (mode.help ?? "") + ".",
  });
  const tall = Math.max(...scene.planes.map(plane => plane.size[1])), wide = scene.planes.map(plane => plane.size[0]);
  const planes = scene.planes.map(plane => makePlane(plane, tall, viewer));
  const grid = element("div", { className: "planes" }, ...planes.map(plane => plane.figure));
  // In parts of the widest: parts that make less than 1 together, as those of a cell in mm, leave the rest of a row empty.
  grid.style.setProperty("--columns", wide.map(width => `minmax(0, ${width / Math.max(...wide)}fr)`).join(" "));
  // A body from head to feet may be taller than a head, so that its axial plane is not a stamp.
  const high = 24 * Math.min(2, Math.max(1, tall / Math.max(...wide) / 2));
  grid.style.setProperty("--high", `${high}rem`);
  grid.style.setProperty("--ratio", wide.reduce((a, b) => a + b) / tall);
  if (mode.press) grid.classList.add("taking");
  const controls = makeControls(viewer);
  el.replaceChildren(...(mode.top ?? []), grid, controls.bar, readout, help, spoken);

  function draw() {
    waiting = false;
    mode.refresh?.();
    controls.refresh();
    // The picture follows the crosshair, and stays where it was dragged until the crosshair moves.
    const at = String(viewer.index());
    if (at !== drawn && !planes.every(plane => plane.shows(viewer.index()))) viewer.middle = viewer.index();
    drawn = at;
    planes.forEach(plane => plane.draw());
    viewer.point(pointed);
  }
  const events = ["position", "window", "opacity", "labels_opacity", "view", "marks", "box"].map(name => `change:${name}`).join(" ");
  model.on(events, viewer.redraw);
  const observer = new ResizeObserver(viewer.redraw);
  planes.forEach(plane => observer.observe(plane.canvas));
  return () => {
    model.off(events, viewer.redraw);
    observer.disconnect();
    clearTimeout(speaking);
    mode.close?.();
  };
}

export default () => {
  let ready;
  return {
    initialize({ model }) {
      const unpackAll = () => {
        const sent = Object.entries({ ...model.get("layers"), ...model.get("painted") });
        ready = Promise.all(sent.map(async ([name, layer]) => [name, await unpack(layer)])).then(unpacked => {
          const layers = Object.fromEntries(unpacked);
          return { layers, record: model.get("mode") === "brush" ? keepRecord(model, layers.labels.values) : null };
        });
      };
      unpackAll();
      model.on("change:layers", unpackAll);  // after a sketch
    },
    async render({ model, el }) {
      el.classList.add("regseg-explore");
      el.textContent = "The images are on their way …";
      const make = ({ layers, record }) => makeViewer(model, el, layers, record);
      let close = make(await ready);
      const renew = async () => {
        const all = await ready, focused = [...el.querySelectorAll("canvas")].indexOf(document.activeElement);
        close();
        close = make(all);
        el.querySelectorAll("canvas")[focused]?.focus();
      };
      model.on("change:layers", renew);
      return () => {
        model.off("change:layers", renew);
        close();
      };
    },
  };
};
