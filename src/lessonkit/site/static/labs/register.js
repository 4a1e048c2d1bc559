// A lab: spoil the alignment of a pair, then let elastix find it again, and see by how many mm it is wrong.
import { affine, compose, distance, fromElastix, identity, middle, planes, product, sampler, turn, turns } from "./geometry.js";
import { address, fetched } from "./files.js";
import { readNifti } from "./nifti.js";

const AXES = [["x", "to the left"], ["y", "to the back"], ["z", "to the head"]];  // LPS
const METRICS = {
  AdvancedMattesMutualInformation: "mutual information",
  AdvancedMeanSquares: "mean squares",
  AdvancedNormalizedCorrelation: "normalised correlation",
};
const KINDS = { rigid: ["rigid"], affine: ["affine"], bspline: ["rigid", "bspline"] };
const NAMES = { rigid: "rigid", affine: "affine", bspline: "B-spline" };
const RESOLUTIONS = 3, ITERATIONS = 100, TILE_MM = 24, REACH_MM = 40, REACH_DEGREES = 40, GOOD_MM = 1.5;
// elastix's own map of a B-spline also has a penalty on bending, with which it takes twice as long.
const PLAIN = { Transform: ["RecursiveBSplineTransform"], Registration: ["MultiResolutionRegistration"] };

const image = async name => readNifti(new Uint8Array(await fetched(name, "arrayBuffer")));
const mm = value => `${value.toFixed(value < 10 ? 2 : 1)} mm`;

const HTML = `
  <div class="row"><label>Pair <select name="pair"></select></label></div>
  <p class="about"></p>
  <div class="pictures"></div>
  <p class="help">Drag a picture to move the moving image, and with Shift to turn it. On the keyboard, the arrow keys move it and comma and full stop turn it.</p>
  <fieldset class="show"><legend>Show</legend>
    <label><input type="radio" name="view" value="checkerboard" checked> checkerboard</label>
    <label><input type="radio" name="view" value="colours"> two colours</label>
    <label><input type="radio" name="view" value="fixed"> fixed</label>
    <label><input type="radio" name="view" value="moving"> moving</label>
    <label class="found"><input type="checkbox" name="found" disabled> registered</label>
  </fieldset>
  <fieldset class="spoil"><legend>Spoil: move the moving image</legend>
    <div class="sliders"></div>
    <div class="row"><button type="button" name="lot">Spoil it for me</button> <button type="button" name="reset">Reset</button></div>
  </fieldset>
  <fieldset><legend>Register</legend>
    <div class="row">
      <label>Transform <select name="kind">${Object.entries(NAMES).map(([key, name]) => `<option value="${key}">${name}</option>`).join("")}</select></label>
      <label>Metric <select name="metric">${Object.entries(METRICS).map(([key, name]) => `<option value="${key}">${name}</option>`).join("")}</select></label>
      <label>Iterations <input type="number" name="iterations" min="10" max="2000" step="10"></label>
      <button type="button" name="go" class="first">Register</button>
    </div>
    <progress max="1" value="0" aria-label="Progress" hidden></progress>
    <p role="status"></p>
  </fieldset>
  <dl class="result">
    <div><dt>Error now</dt><dd data-of="now"></dd></div>
    <div><dt>Before</dt><dd data-of="before">–</dd></div>
    <div><dt>After</dt><dd data-of="after">–</dd></div>
    <div><dt>Time</dt><dd data-of="time">–</dd></div>
  </dl>
  <details class="box spoiler"><summary><span class="kind">The same in Python</span></summary>
    <div class="inside"><p>These lines find the same with the course's package; the two files are <a data-of="fixed" download>fixed</a> and <a data-of="moving" download>moving</a>.</p>
    <figure class="code python"><pre tabindex="0"><code></code></pre></figure></div>
  </details>`;

export default async function mount(lab) {
  const pairs = await fetched("pairs.json", "json");
  const box = document.createElement("div");
  box.innerHTML = HTML;
  const one = selector => box.querySelector(selector), field = name => one(`[name="${name}"]`);
  const said = text => { one("[role=status]").textContent = text; };
  const tell = (name, text) => { one(`[data-of="${name}"]`).textContent = text; };
  let opening, scene, spoil, result, drawing = false, run = 0, worker;

  // ---- the pair

  async function open(pair) {
    stop();
    opening = pair;
    lab.ariaBusy = "true";
    const [fixed, moving] = await Promise.all([image(pair.fixed), image(pair.moving)]);
    if (opening !== pair) return;  // another one was chosen meanwhile
    const n = fixed.size.length, show = sampler(fixed);
    scene = { pair, fixed, moving, n, views: planes(fixed).map(plane => ({ ...plane, grey: paint(plane, show) })) };
    one(".about").textContent = pair.about;
    one(".pictures").replaceChildren(...scene.views.map(canvas));
    one(".pictures").dataset.count = scene.views.length;
    one(".sliders").replaceChildren(...sliders(n));
    for (const name of ["fixed", "moving"]) one(`a[data-of="${name}"]`).href = address(pair[name]);
    field("kind").value = pair.kind;
    field("iterations").value = ITERATIONS;
    reset();
    if (!box.isConnected) lab.replaceChildren(box);  // now that it is complete, so that nothing in it moves
    lab.ariaBusy = "false";
  }

  const paint = (plane, show, transform = identity) => {
    const grey = new Uint8ClampedArray(plane.width * plane.height);
    for (let y = 0, at = 0; y < plane.height; y++) for (let x = 0; x < plane.width; x++, at++) grey[at] = show(transform(plane.point(x, y)));
    return grey;
  };

  // ---- what spoils it: a turn about the middle of the fixed image, then a shift. It changes where the moving image
  // says that it lies, and no voxel.

  function spoiling({ shift, degrees }) {
    const angles = degrees.map(value => value * Math.PI / 180), n = scene.n;
    const matrix = n === 2 ? turn(angles[0]) : turns(angles);
    return { matrix, point: affine(matrix, middle(scene.fixed), shift) };
  }

  function spoiled() {
    const { matrix, point } = spoiling(spoil), { moving, n } = scene;
    return { ...moving, origin: point(moving.origin), direction: product(matrix, moving.direction, n) };
  }

  function error(transform) {
    const { point } = spoiling(spoil), { fixedPoints, movingPoints } = scene.pair;
    return fixedPoints.reduce((sum, from, at) => sum + distance(transform(from), point(movingPoints[at])), 0) / fixedPoints.length;
  }

  function reset() {
    spoil = { shift: new Array(scene.n).fill(0), degrees: new Array(scene.n === 2 ? 1 : 3).fill(0) };
    moved();
    said("");
  }

  function moved() {
    stop();
    result = undefined;
    for (const slider of box.querySelectorAll(".sliders input")) {
      const value = spoil[slider.dataset.of][slider.dataset.axis];
      slider.value = value;
      slider.nextElementSibling.textContent = `${value.toFixed(0)} ${slider.dataset.unit}`;
    }
    field("found").checked = false;
    field("found").disabled = true;
    for (const name of ["before", "after", "time"]) tell(name, "–");
    python();
    draw();
  }

  function change(of, axis, by) {
    const reach = of === "shift" ? REACH_MM : REACH_DEGREES;
    spoil[of][axis] = Math.max(-reach, Math.min(reach, spoil[of][axis] + by));
    moved();
  }

  function sliders(n) {
    const slider = (of, axis, name, reach, unit) => {
      const label = document.createElement("label");
      label.innerHTML = `<span>${name}</span><input type="range" min="${-reach}" max="${reach}" step="1" data-of="${of}" data-axis="${axis}" data-unit="${unit}"><output></output>`;
      label.querySelector("input").addEventListener("input", ({ target }) => { spoil[of][axis] = Number(target.value); moved(); });
      return label;
    };
    const about = n === 2 ? [["turn"]] : AXES.map(([axis]) => [`turn about ${axis}`]);
    return [
      ...AXES.slice(0, n).map(([, name], axis) => slider("shift", axis, name, REACH_MM, "mm")),
      ...about.map(([name], axis) => slider("degrees", axis, name, REACH_DEGREES, "°")),
    ];
  }

  // ---- the planes

  function canvas(view) {
    const figure = document.createElement("figure"), { n } = scene;
    const axis = n === 2 ? 0 : view.normal;  // of the turn
    const sign = (n === 2 ? 1 : [1, -1, 1][view.normal]) * view.toRight * view.toDown;
    figure.innerHTML = `<div class="surface"><canvas width="${view.width}" height="${view.height}" tabindex="0" role="application"
      aria-label="${view.name} plane: the arrow keys move the moving image by a millimetre, with Shift by five; comma and full stop turn it by a degree"></canvas>
      ${view.edges.map((letter, side) => `<span aria-hidden="true" data-side="${side}">${letter}</span>`).join("")}</div><figcaption>${view.name}</figcaption>`;
    const surface = view.canvas = figure.querySelector("canvas");
    surface.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;  // the browser's own, such as one page back
      const step = event.shiftKey ? 5 : 1;
      const [of, at, by] = {
        ArrowLeft: ["shift", view.right, -step * view.toRight], ArrowRight: ["shift", view.right, step * view.toRight],
        ArrowUp: ["shift", view.down, -step * view.toDown], ArrowDown: ["shift", view.down, step * view.toDown],
        ",": ["degrees", axis, -sign], ".": ["degrees", axis, sign],
      }[event.key] ?? [];
      if (!of) return;
      event.preventDefault();
      change(of, at, by);
    });
    surface.addEventListener("pointerdown", event => {
      if (event.button) return;
      surface.setPointerCapture(event.pointerId);
      let [x, y] = [event.clientX, event.clientY];
      const drag = next => {
        const scale = view.pixel * view.width / surface.clientWidth;
        const [dx, dy] = [(next.clientX - x) * scale, (next.clientY - y) * scale];
        [x, y] = [next.clientX, next.clientY];
        if (next.shiftKey) return change("degrees", axis, sign * dx);
        change("shift", view.right, dx * view.toRight);
        change("shift", view.down, dy * view.toDown);
      };
      surface.addEventListener("pointermove", drag);
      surface.addEventListener("lostpointercapture", () => surface.removeEventListener("pointermove", drag), { once: true });
    });
    return figure;
  }

  function draw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      const show = sampler(spoiled()), transform = field("found").checked ? result : identity;
      const look = one('[name="view"]:checked').value;
      for (const view of scene.views) {
        const grey = paint(view, show, transform), { width, height, pixel } = view;
        const pixels = new ImageData(width, height), tile = TILE_MM / pixel;
        for (let at = 0; at < grey.length; at++) {
          const fixed = view.grey[at], moving = grey[at];
          const odd = (Math.floor(at % width / tile) + Math.floor(Math.floor(at / width) / tile)) % 2;
          const value = look === "fixed" || look === "checkerboard" && !odd ? fixed : moving;
          pixels.data.set(look === "colours" ? [moving, fixed, moving, 255] : [value, value, value, 255], 4 * at);
        }
        view.canvas.getContext("2d").putImageData(pixels, 0, 0);
      }
      tell("now", mm(error(transform)));
    });
  }

  // ---- elastix, in a worker of its own

  function wanted() {
    const iterations = Math.round(Math.min(2000, Math.max(10, Number(field("iterations").value) || ITERATIONS)));
    field("iterations").value = iterations;
    const metric = field("metric").value;
    return KINDS[field("kind").value].map(kind => ({
      kind,
      more: {
        ...(kind === "bspline" && PLAIN),
        Metric: [metric],
        MaximumNumberOfIterations: [String(iterations)],
        AutomaticTransformInitialization: ["false"],  // it would put middle on middle, and undo half of the spoiling
        WriteResultImage: ["false"],
      },
    }));
  }

  const knots = () => scene.n === 2 ? 16 : 20;

  async function register() {
    stop();
    const mine = ++run, before = error(identity), steps = wanted();
    lab.ariaBusy = "true";
    const busy = (text, share) => {
      said(text);
      one("progress").hidden = false;
      one("progress").value = share;
    };
    field("go").textContent = "Stop";
    try {
      busy("Fetching elastix: 3 MB, the first time only.", 0);
      const library = await import("../bundles/elastix.js").catch(() => undefined);
      if (mine !== run) return;
      if (!library) return said("elastix cannot be loaded now. Reload the page, and try again.");
      const { defaultParameterMap, elastix } = library;
      const began = performance.now(), found = [];
      for (const [at, { kind, more }] of steps.entries()) {
        if (mine !== run) return;
        busy(`Registering: ${kind === "bspline" ? "B-spline" : kind}, step ${at + 1} of ${steps.length}.`, (at + 0.3) / steps.length);
        const own = await defaultParameterMap(kind, { numberOfResolutions: RESOLUTIONS, finalGridSpacing: knots(), webWorker: worker });
        worker = own.webWorker;
        if (mine !== run) return;
        const answer = await elastix([{ ...own.parameterMap, ...more }], {
          fixed: forElastix(scene.fixed), moving: forElastix(spoiled()), webWorker: worker,
          ...(found.length && { initialTransformParameterObject: found.slice() }),
        });
        if (mine !== run) return;
        found.push(answer.transformParameterObject.at(-1));
      }
      const seconds = (performance.now() - began) / 1000;
      result = compose(...found.map(fromElastix));
      const after = error(result);
      tell("before", mm(before));
      tell("after", mm(after));
      tell("time", `${seconds.toFixed(1)} s`);
      field("found").disabled = false;
      field("found").checked = true;
      draw();
      said(`The mean error went from ${mm(before)} to ${mm(after)} in ${seconds.toFixed(1)} s. ${judged(before, after)}`);
    } catch (problem) {
      if (mine === run) said(`elastix stopped. Do the two images still overlap? ${problem.message.split("\n")[0].slice(0, 200)}`);
    } finally {
      if (mine === run) rest();
    }
  }

  const judged = (before, after) => after < GOOD_MM ? "It found the way."
    : after < before ? "It came nearer, and is not there: another transform, another metric or more iterations may help."
    : "It is further away than before. Nothing in the images told it so: without a known truth, you would have to see it.";

  const forElastix = ({ size, spacing, origin, direction, values }) => ({
    imageType: { dimension: size.length, componentType: "float32", pixelType: "Scalar", components: 1 },
    name: "image", origin, spacing, direction: Float64Array.from(direction), size, metadata: new Map(), data: Float32Array.from(values),
  });

  function rest() {
    lab.ariaBusy = "false";
    one("progress").hidden = true;
    field("go").textContent = "Register";
  }

  function stop() {
    if (one("progress").hidden) return;
    run++;
    worker?.terminate();
    worker = undefined;
    rest();
    said("Stopped.");
  }

  // ---- the same in Python

  function python() {
    const { pair } = scene, { origin, direction } = spoiled();
    const list = numbers => `[${[...numbers].map(String).join(", ")}]`;
    const lines = wanted().flatMap(({ kind, more }) => [
      `    elastix.default_map("${kind}", ${RESOLUTIONS}, knots=${knots()},`,
      ...Object.entries(more).filter(([name]) => name !== "WriteResultImage").map(([name, [value]]) => `        ${name}="${value}",`),
      "    ),",
    ]);
    one("code").textContent = [
      "import SimpleITK as sitk",
      "from regseg import elastix",
      "",
      `fixed = sitk.ReadImage("${pair.fixed}")`,
      `moving = sitk.ReadImage("${pair.moving}")`,
      `moving.SetOrigin(${list(origin)})`,
      `moving.SetDirection(${list(direction)})`,
      "maps = [", ...lines, "]",
      "found = elastix.register(fixed, moving, maps)",
      "warped = sitk.Resample(moving, fixed, found.transform)",
    ].join("\n");
  }

  // ---- what is pressed

  field("pair").append(...pairs.map(({ title }, at) => new Option(title, at)));
  field("pair").addEventListener("change", () => open(pairs[field("pair").value]).catch(() => {
    field("pair").value = pairs.indexOf(scene.pair);
    lab.ariaBusy = "false";
    said("This pair cannot be loaded now.");
  }));
  field("reset").addEventListener("click", reset);
  const spoilIt = () => {
    const lot = reach => Math.round((Math.random() * 2 - 1) * reach);
    spoil = { shift: spoil.shift.map(() => lot(20)), degrees: spoil.degrees.map(() => lot(15)) };
    moved();
    said(`Spoiled: now the mean error is ${mm(error(identity))}.`);
  };
  field("lot").addEventListener("click", spoilIt);
  field("go").addEventListener("click", () => one("progress").hidden ? register() : stop());
  for (const name of ["kind", "metric", "iterations"]) field(name).addEventListener("change", python);
  one(".show").addEventListener("change", draw);
  await open(pairs[0]);
  if (!lab.matches(".short")) return;
  one('[value="colours"]').checked = true;
  spoilIt();
  field("go").focus({ preventScroll: true });  // the button that was pressed is gone
}
