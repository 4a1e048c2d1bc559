// A transform in the learner's hands: on the left where the new grid reads, on the right what it finds there.

const ARM = 0.36;   // of the picture's height: how far the handles of turn and shear lie from the middle
const NET_MM = 20, STEP_MM = 4;
const KINDS = { shift: "shift", turn: "turn", shear: "shear", bend: "bend", both: "turn and shift" };
const USED = { shift: ["x", "y"], turn: ["turn"], shear: ["shear"], bend: ["knot_x", "knot_y"], both: ["x", "y", "turn"] };

const shift = ([a, b]) => ([x, y]) => [x + a, y + b];
const linear = ([a, b, c, d], [u, v]) => ([x, y]) => [a * (x - u) + b * (y - v) + u, c * (x - u) + d * (y - v) + v];
function turn(degrees, centre) {
  const cos = Math.cos(degrees * Math.PI / 180), sin = Math.sin(degrees * Math.PI / 180);
  return linear([cos, -sin, sin, cos], centre);
}
const after = (outer, inner) => point => outer(inner(point));

function transformOf(state, centre, lattice) {
  const { kind, swapped, inverse } = state, sign = inverse ? -1 : 1;
  const shifted = shift([sign * state.x, sign * state.y]), turned = turn(sign * state.turn, centre);
  if (kind === "shift") return shifted;
  if (kind === "turn") return turned;
  if (kind === "shear") return linear([1, sign * state.shear, 0, 1], centre);
  if (kind === "bend") return bend(lattice, [state.knot_x, state.knot_y]);
  return swapped === inverse ? after(shifted, turned) : after(turned, shifted);  // the inverse undoes the last one first
}

const pair = numbers => `(${numbers.join(", ")})`;

// The lines that give in SimpleITK what is seen.
function linesOf(state, centre) {
  const { kind, swapped, inverse } = state;
  const made = {
    shift: `sitk.TranslationTransform(2, ${pair([state.x, state.y])})`,
    turn: `sitk.Euler2DTransform(${pair(centre)}, np.deg2rad(${state.turn}))`,
    shear: `sitk.AffineTransform((1, ${state.shear}, 0, 1), (0, 0), ${pair(centre)})`,
  };
  const back = inverse && kind !== "bend" ? ".GetInverse()" : "";
  const first = kind === "bend" ? [
    "transform = sitk.BSplineTransformInitializer(image, (4, 4))",
    "knots = np.zeros((2, 7, 7))",
    `knots[:, 3, 3] = ${pair([state.knot_x, state.knot_y])}`,
    "transform.SetParameters(knots.ravel())",
  ] : kind === "both" ? [
    `shift = ${made.shift}`,
    `turn = ${made.turn}`,
    `transform = sitk.CompositeTransform(${swapped ? "[turn, shift]" : "[shift, turn]"})${back}`,
  ] : [`transform = ${made[kind]}${back}`];
  return [
    ...first,
    `point = transform.TransformPoint(${pair([state.point_x, state.point_y])})`,
    "moved = sitk.Resample(image, image, transform)",
  ];
}

export default playground(page => {
  const { image } = page.images, { centre, lattice, reach } = page.constants;
  const left = makePicture(image, "image: where the new grid reads", "The image, the net of the new grid after the transform, and an arrow from a point to where the transform takes it.");
  const right = makePicture(image, "moved: what it finds there", "The resampled image with its straight net, and the point that asks.");
  const arm = ARM * left.height, whole = Math.round, part = n => Math.round(n * 20) / 20;
  const within = ([min, max, step], n) => Math.min(max, Math.max(min, Math.round(n / step) * step));

  const [low, high] = spanOf(image), net = netOf(image, NET_MM, STEP_MM, centre);

  const lines = [left.line("net"), right.line("net")], arrow = left.line("arrow");
  const start = left.handle("asks"), end = left.handle("lands");
  const angle = point => whole(Math.atan2(point[1] - centre[1], point[0] - centre[0]) * 180 / Math.PI);
  const grips = {
    shift: left.handle("grip", point => {
      const { kind, swapped, turn: degrees } = page.state;
      const back = kind === "both" && swapped ? turn(-degrees, centre) : kept => kept;
      const [x, y] = back(point).map((n, axis) => within(reach.shift, n - centre[axis]));
      page.set({ x, y });
    }),
    turn: left.handle("grip", point => page.set({ turn: within(reach.turn, angle(point)) })),
    shear: left.handle("grip", point => page.set({ shear: part(within(reach.shear, (centre[0] - point[0]) / arm)) })),
    bend: left.handle("grip", point => {
      const [knot_x, knot_y] = point.map((n, axis) => within(reach.knot, n - centre[axis]));
      page.set({ knot_x, knot_y });
    }),
  };
  const asks = right.handle("asks", point => {
    const [point_x, point_y] = point.map((n, axis) => whole(Math.min(high[axis], Math.max(low[axis], n))));
    page.set({ point_x, point_y });
  });

  const sliders = {
    x: page.slider("x", "shift x", " mm", reach.shift),
    y: page.slider("y", "shift y", " mm", reach.shift),
    turn: page.slider("turn", "turn", "°", reach.turn),
    shear: page.slider("shear", "shear", "", reach.shear),
    knot_x: page.slider("knot_x", "knot x", " mm", reach.knot),
    knot_y: page.slider("knot_y", "knot y", " mm", reach.knot),
  };
  const points = [0, 1].map(axis => page.slider(`point_${"xy"[axis]}`, `point ${"xy"[axis]}`, " mm", [Math.ceil(low[axis]), Math.floor(high[axis]), 1]));
  const swap = page.check("swapped", "the other order"), undo = page.check("inverse", "inverse");
  const checks = element("div", { className: "checks" }, undo, swap);
  const code = element("code");
  const parts = [
    page.choice("kind", "Transform", KINDS),
    element("div", { className: "panels" }, left.figure, right.figure),
    element("div", { className: "controls" }, ...Object.values(sliders), ...points, checks),
    element("pre", { role: "group", "aria-label": "The same in SimpleITK" }, code),
  ];
  left.paint(n => Array(3).fill(255 * unit(image, image.values[n])));

  return {
    parts,
    draw() {
      const { state } = page, { kind } = state, transform = transformOf(state, centre, lattice);
      for (const [name, slider] of Object.entries(sliders)) slider.hidden = !USED[kind].includes(name);
      swap.hidden = kind !== "both";
      checks.hidden = kind === "bend";
      const values = resample(image, image, transform);
      right.paint(n => Array(3).fill(255 * unit(image, values[n])));
      lines[0](...net.map(run => run.map(transform)));
      lines[1](...net);

      const point = [state.point_x, state.point_y], landed = transform(point);
      arrow([point, landed]);
      [start, asks].forEach(set => set(point));
      end(landed);
      const free = !(state.inverse && kind !== "bend"), turned = turn(state.turn, centre);
      const places = {
        shift: (kind === "shift" || kind === "both") && transform(centre),
        turn: (kind === "turn" || kind === "both") && turned([centre[0] + arm, centre[1]]),
        shear: kind === "shear" && transform([centre[0], centre[1] - arm]),
        bend: kind === "bend" && [centre[0] + state.knot_x, centre[1] + state.knot_y],
      };
      for (const [name, grip] of Object.entries(grips)) grip(free && places[name]);

      code.textContent = linesOf(state, centre).join("\n");
      return `The transform takes the point ${minus(pair(point))} mm to ${minus(pair(landed.map(n => n.toFixed(1))))} mm`
        + (kind === "bend" ? "; a bend has no formula for its inverse." : ".");
    },
  };
});
