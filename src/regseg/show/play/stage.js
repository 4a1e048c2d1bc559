// What the playgrounds share: images of two dimensions, pictures with handles, controls, and what is said of them.
// Each playground is one more script: it calls `playground` with a function that lays out the page and draws it.

const SVG = "http://www.w3.org/2000/svg";
const GRIP_PX = 9;  // the radius of a handle; what can be pressed reaches further

// ---- images of two dimensions: index = D⁻¹ (point − origin) / spacing, where D⁻¹ is the transpose of D

function toPoint({ origin, spacing, direction }, [i, j]) {
  const u = spacing[0] * i, v = spacing[1] * j;
  return [origin[0] + direction[0] * u + direction[1] * v, origin[1] + direction[2] * u + direction[3] * v];
}

function toIndex({ origin, spacing, direction }, [x, y]) {
  const u = x - origin[0], v = y - origin[1];
  return [(direction[0] * u + direction[2] * v) / spacing[0], (direction[1] * u + direction[3] * v) / spacing[1]];
}

// As SimpleITK reads between pixels: linearly; in the outer half of those at the edge, their value; `outside` beyond.
function sample({ values, size: [columns, rows] }, [i, j], outside) {
  if (!(i >= -0.5 && j >= -0.5 && i < columns - 0.5 && j < rows - 0.5)) return outside;
  const x = Math.min(columns - 1, Math.max(0, i)), y = Math.min(rows - 1, Math.max(0, j));
  const left = Math.floor(x), top = Math.floor(y), right = Math.min(left + 1, columns - 1), bottom = Math.min(top + 1, rows - 1);
  const upper = values[top * columns + left] * (left + 1 - x) + values[top * columns + right] * (x - left);
  const lower = values[bottom * columns + left] * (left + 1 - x) + values[bottom * columns + right] * (x - left);
  return upper * (top + 1 - y) + lower * (y - top);
}

function resample(image, grid, transform, outside = 0) {
  const [columns, rows] = grid.size, values = new Float64Array(columns * rows);
  for (let j = 0, n = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++, n++) values[n] = sample(image, toIndex(image, transform(toPoint(grid, [i, j]))), outside);
  }
  return values;
}

// A cubic B-spline: how much of a knot, so many knots away, counts here.
function weight(away) {
  const t = Math.abs(away);
  return t < 1 ? 2 / 3 - t * t + t ** 3 / 2 : t < 2 ? (2 - t) ** 3 / 6 : 0;
}

// One knot of a lattice (`lattice.knot`, an index) is moved by this many mm.
function bend(lattice, [a, b]) {
  return point => {
    const [i, j] = toIndex(lattice, point), part = weight(i - lattice.knot[0]) * weight(j - lattice.knot[1]);
    return [point[0] + part * a, point[1] + part * b];
  };
}

// The smallest and the largest x and y of an image that lies along the axes.
function spanOf(image) {
  const corners = [[-0.5, -0.5], image.size.map(n => n - 0.5)].map(index => toPoint(image, index));
  return [Math.min, Math.max].map(extreme => [0, 1].map(axis => extreme(corners[0][axis], corners[1][axis])));
}

// Straight lines over an image: `by` mm apart, one of them through the middle, with a point every `step` mm.
function netOf(image, by, step, middle) {
  const [low, high] = spanOf(image), every = (axis, mm) => {
    const first = middle[axis] - mm * Math.floor((middle[axis] - low[axis]) / mm);
    return Array.from({ length: Math.floor((high[axis] - first) / mm) + 1 }, (_, n) => first + n * mm);
  };
  return [0, 1].flatMap(along => every(1 - along, by).map(fixed => every(along, step).map(moving => along ? [fixed, moving] : [moving, fixed])));
}

// Grey from 0 to 1 in the image's window.
const unit = ({ window: [low, high] }, value) => Math.min(1, Math.max(0, (value - low) / (high - low)));

// ---- a picture: a canvas with one pixel for each of the image, and over it a drawing in mm from its top left corner

function makePicture(image, name, words) {
  const [columns, rows] = image.size, [width, height] = image.size.map((n, a) => n * image.spacing[a]);
  const canvas = element("canvas", { width: columns, height: rows, role: "img", "aria-label": words });
  canvas.style.aspectRatio = `${width} / ${height}`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const figure = element("figure", {}, element("div", { className: "picture" }, canvas, svg), element("figcaption", {}, name));
  const context = canvas.getContext("2d"), pixels = context.createImageData(columns, rows);
  const flipped = ([i, j]) => [image.flips[0] ? columns - 1 - i : i, image.flips[1] ? rows - 1 - j : j];
  const places = [[0, 0.5, "start"], [1, 0.5, "end"], [0.5, 0, "middle"], [0.5, 1, "middle"]];
  image.edges.forEach((letter, n) => {
    const [x, y, anchor] = places[n], size = Math.max(width, height) / 18;
    svg.append(draw("text", {
      x: width * x, y: height * y + size * (y === 0 ? 0.9 : y === 1 ? -0.25 : 0.35), "text-anchor": anchor, "font-size": size, class: "edge",
    }, letter));
  });

  const picture = {
    figure, width, height,
    place(point) {
      const [c, r] = flipped(toIndex(image, point));
      return [(c + 0.5) * image.spacing[0], (r + 0.5) * image.spacing[1]];
    },
    // colour(n) gives red, green and blue, 0 to 255, of pixel n of the image.
    paint(colour) {
      for (let j = 0, n = 0; j < rows; j++) {
        for (let i = 0; i < columns; i++, n++) {
          const [c, r] = flipped([i, j]);
          pixels.data.set([...colour(n), 255], 4 * (r * columns + c));
        }
      }
      context.putImageData(pixels, 0, 0);
    },
    // A line of this kind (a class of play.css): the function returned draws it through runs of points.
    line(kind) {
      const path = svg.appendChild(draw("path", { class: `line ${kind}` }));
      return (...runs) => path.setAttribute("d", runs.map(run => `M${run.map(point => picture.place(point).map(n => n.toFixed(2))).join("L")}`).join(""));
    },
    // A ring that a pointer drags; without `moved` one to look at. The function returned sets it at a point, or hides it.
    handle(kind, moved) {
      const grip = svg.appendChild(draw("g", { class: moved ? `handle ${kind}` : kind }, draw("circle", { class: "reach" }), draw("circle", {})));
      grip.addEventListener("pointerdown", event => { if (event.button === 0) grip.setPointerCapture(event.pointerId); });
      grip.addEventListener("pointermove", event => {
        if (!moved || !grip.hasPointerCapture(event.pointerId)) return;
        const box = svg.getBoundingClientRect(), mm = width / box.width;
        const index = [(event.clientX - box.left) * mm / image.spacing[0] - 0.5, (event.clientY - box.top) * mm / image.spacing[1] - 0.5];
        moved(toPoint(image, flipped(index)));
      });
      return point => {
        grip.toggleAttribute("hidden", !point);
        if (!point) return;
        const mm = width / (svg.clientWidth || width), [x, y] = picture.place(point);
        grip.setAttribute("transform", `translate(${x} ${y})`);
        [2, moved ? 1 : 0.6].forEach((times, n) => grip.children[n].setAttribute("r", times * GRIP_PX * mm));
      };
    },
  };
  return picture;
}

function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- a page of controls and pictures; `state` is what they say, by name, and all that Python is told

function makePage(model, images) {
  const page = {
    images,
    constants: model.get("constants"),
    get state() { return model.get("state"); },
    set(changes) {
      model.set("state", { ...page.state, ...changes });
      clearTimeout(page.syncing);
      page.syncing = setTimeout(() => model.save_changes(), SYNC_MS);
    },
    followers: [],  // what the controls do when the state has changed
    slider(name, text, unit, [min, max, step]) {
      const input = element("input", { type: "range", min, max, step }), shown = element("span", { className: "value", "aria-hidden": "true" });
      input.addEventListener("input", () => page.set({ [name]: Number(input.value) }));
      page.followers.push(() => {
        input.value = page.state[name];
        shown.textContent = `${minus(page.state[name])}${unit}`;
        input.setAttribute("aria-valuetext", shown.textContent);
      });
      return element("label", { className: "slider" }, element("span", {}, text), input, shown);
    },
    choice(name, legend, options) {
      const group = `${name}-${Math.random().toString(36).slice(2)}`;
      const inputs = Object.entries(options).map(([value, text]) => {
        const input = element("input", { type: "radio", name: group, value });
        input.addEventListener("change", () => page.set({ [name]: value }));
        page.followers.push(() => { input.checked = page.state[name] === value; });
        return element("label", {}, input, " ", text);
      });
      return element("fieldset", {}, element("legend", {}, legend), ...inputs);
    },
    check(name, text) {
      const input = element("input", { type: "checkbox" });
      input.addEventListener("change", () => page.set({ [name]: input.checked }));
      page.followers.push(() => { input.checked = page.state[name]; });
      return element("label", {}, input, " ", text);
    },
  };
  return page;
}

// make(page) gives `parts`, the elements of the page, and draw(), which draws the state and gives a sentence about it.
function playground(make) {
  return {
    async render({ model, el }) {
      el.classList.add("regseg-play");
      const unpacked = await Promise.all(Object.entries(model.get("images")).map(async ([name, image]) => [name, await unpack(image)]));
      const page = makePage(model, Object.fromEntries(unpacked)), { parts, draw } = make(page);
      const words = element("p", { className: "words" }), spoken = element("p", { className: "spoken", role: "status" });
      let waiting = 0, speaking;
      const redraw = () => {
        cancelAnimationFrame(waiting);
        waiting = requestAnimationFrame(() => {
          page.followers.forEach(follow => follow());
          const first = !words.textContent;
          words.textContent = draw();
          clearTimeout(speaking);
          if (first) return;  // nobody has touched it
          speaking = setTimeout(() => { spoken.textContent = words.textContent; }, SPEAK_MS);
        });
      };
      el.replaceChildren(...parts, words, spoken);
      model.on("change:state", redraw);
      const observer = new ResizeObserver(redraw);
      observer.observe(el);
      return () => {
        model.off("change:state", redraw);
        observer.disconnect();
        cancelAnimationFrame(waiting);
        clearTimeout(speaking);
      };
    },
  };
}
