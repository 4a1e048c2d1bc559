// Two slices laid over each other by hand: the overlay, the joint histogram and the metric follow.

const BINS = 32, PADDING = 2;  // of Mattes' table: two empty bins at each end, into which its soft borders reach
const ARM = 0.3;               // of the picture's height: how far the ring that turns lies from the one that moves
const POINTS = 45;             // of the curve
const WIDE = 100, TALL = 62;   // the curve's drawing
const METRICS = { mutual: "mutual information", squares: "mean squares", correlation: "correlation" };
const ALONG = { turn: "turn", x: "shift x", y: "shift y" };

function rigid({ turn, x, y }, [u, v]) {
  const cos = Math.cos(turn * Math.PI / 180), sin = Math.sin(turn * Math.PI / 180);
  return ([a, b]) => [cos * (a - u) - sin * (b - v) + u + x, sin * (a - u) + cos * (b - v) + v + y];
}

// The grey values of the fixed pixels whose places lie in the moving image, and those of the moving image there.
function pairsOf(fixed, moving, transform) {
  const [columns, rows] = fixed.size, [o, right, down] = [[0, 0], [1, 0], [0, 1]].map(index => toIndex(moving, transform(toPoint(fixed, index))));
  const ours = new Float64Array(columns * rows), theirs = new Float64Array(columns * rows);
  let count = 0;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {  // a rigid transform: the indices grow evenly
      const value = sample(moving, [o[0] + i * (right[0] - o[0]) + j * (down[0] - o[0]), o[1] + i * (right[1] - o[1]) + j * (down[1] - o[1])], NaN);
      if (Number.isNaN(value)) continue;
      ours[count] = fixed.values[j * columns + i];
      theirs[count++] = value;
    }
  }
  return [ours.subarray(0, count), theirs.subarray(0, count)];
}

// ---- metrics as SimpleITK has them: smaller is better

function meanSquares([ours, theirs]) {
  return ours.reduce((sum, value, n) => sum + (value - theirs[n]) ** 2, 0) / ours.length;
}

function correlation([ours, theirs]) {
  const mean = values => values.reduce((a, b) => a + b, 0) / values.length, [f, m] = [mean(ours), mean(theirs)];
  let both = 0, one = 0, other = 0;
  ours.forEach((value, n) => {
    both += (value - f) * (theirs[n] - m);
    one += (value - f) ** 2;
    other += (theirs[n] - m) ** 2;
  });
  return -both * both / (one * other);
}

// Mattes' joint histogram: hard borders along the fixed image's grey values, soft ones along the moving image's.
function jointHistogram([ours, theirs], [fixed, moving]) {
  const table = new Float64Array(BINS * BINS), width = ({ range: [low, high] }) => (high - low) / (BINS - 2 * PADDING);
  const place = (value, image) => (value - image.range[0]) / width(image) + PADDING;
  const bin = at => Math.min(BINS - PADDING - 1, Math.max(PADDING, Math.floor(at)));
  for (let n = 0; n < ours.length; n++) {
    const row = bin(place(ours[n], fixed)) * BINS, at = place(theirs[n], moving), middle = bin(at);
    for (let near = middle - 1; near <= middle + 2; near++) table[row + near] += weight(near - at) / ours.length;
  }
  return table;
}

function mutualInformation(table) {
  const one = new Float64Array(BINS), other = new Float64Array(BINS);
  table.forEach((p, n) => {
    one[Math.floor(n / BINS)] += p;
    other[n % BINS] += p;
  });
  return -table.reduce((sum, p, n) => p > 1e-16 ? sum + p * Math.log(p / one[Math.floor(n / BINS)] / other[n % BINS]) : sum, 0);
}

const roundly = value => minus(Number(value.toPrecision(4)));

export default playground(page => {
  const { fixed, moving } = page.images, { centre, reach, landmarks } = page.constants;
  const overlay = makePicture(fixed, "fixed orange, moving blue", "The fixed image in orange and the moving image in blue, grey where they agree.");
  const histogram = element("canvas", { width: BINS, height: BINS, role: "img", className: "table", "aria-label": "The joint histogram, darker where a pair of grey values is more frequent." });
  const ink = histogram.getContext("2d"), cells = ink.createImageData(BINS, BINS);
  const line = draw("path", { class: "curve" }), here = draw("circle", { r: 2.5, class: "here" });
  const ends = [0, 1].map(end => draw("text", { x: end ? WIDE : 0, y: TALL + 9, "text-anchor": end ? "end" : "start" }));
  const plot = draw("svg", { viewBox: `-4 -4 ${WIDE + 8} ${TALL + 16}`, class: "plot", role: "img", "aria-label": "The metric along one number, the others as they are." },
    draw("path", { class: "frame", d: `M0 0V${TALL}H${WIDE}` }), line, here, ...ends);
  const curveName = element("figcaption");

  const arm = ARM * overlay.height, back = turn => rigid({ turn: -turn, x: 0, y: 0 }, [0, 0]);
  const within = ([min, max, step], n) => Math.min(max, Math.max(min, Math.round(n / step) * step));
  // Where in the overlay the moving image's point `centre + away` is seen.
  const seenAt = away => {
    const { turn, x, y } = page.state;
    return back(turn)([away[0] - x, away[1] - y]).map((n, axis) => n + centre[axis]);
  };
  const grips = {
    move: overlay.handle("grip", point => {
      const [x, y] = back(-page.state.turn)(point.map((n, axis) => centre[axis] - n)).map(n => within(reach.shift, n));
      page.set({ x, y });
    }),
    turn: overlay.handle("grip", point => {
      const middle = seenAt([0, 0]);
      page.set({ turn: within(reach.turn, -Math.atan2(point[1] - middle[1], point[0] - middle[0]) * 180 / Math.PI) });
    }),
  };

  const measure = state => {
    const pairs = pairsOf(fixed, moving, rigid(state, centre));
    if (!pairs[0].length) return NaN;
    return { mutual: () => mutualInformation(jointHistogram(pairs, [fixed, moving])), squares: () => meanSquares(pairs), correlation: () => correlation(pairs) }[state.metric]();
  };
  let drawn = "", curve, scale;
  function drawCurve() {
    const { state } = page, { along } = state, [min, max] = along === "turn" ? reach.turn : reach.shift;
    const key = JSON.stringify({ ...state, [along]: 0 });
    if (key !== drawn) {
      drawn = key;
      curve = Array.from({ length: POINTS + 1 }, (_, n) => measure({ ...state, [along]: min + n * (max - min) / POINTS }));
      const known = curve.filter(Number.isFinite), low = Math.min(...known), high = Math.max(...known);
      scale = value => TALL * (1 - (value - low) / (high - low || 1));
      line.setAttribute("d", curve.map((value, n) => Number.isFinite(value) ? `${n && Number.isFinite(curve[n - 1]) ? "L" : "M"}${n * WIDE / POINTS} ${scale(value).toFixed(2)}` : "").join(""));
      const unit = along === "turn" ? "°" : " mm";
      ends.forEach((text, end) => { text.textContent = minus([min, max][end]) + unit; });
      curveName.textContent = `${METRICS[state.metric]} along ${ALONG[along]}`;
    }
    const value = measure(state);
    here.setAttribute("cx", (state[along] - min) / (max - min) * WIDE);
    here.setAttribute("cy", Math.min(TALL, Math.max(0, scale(value))));
    return value;
  }

  return {
    parts: [
      element("div", { className: "panels" }, overlay.figure, element("div", {},
        element("figure", {}, histogram, element("figcaption", {}, "joint histogram: fixed →, moving ↑")),
        element("figure", {}, plot, curveName))),
      element("div", { className: "controls" },
        page.slider("turn", "turn", "°", reach.turn), page.slider("x", "shift x", " mm", reach.shift), page.slider("y", "shift y", " mm", reach.shift)),
      page.choice("metric", "Metric", METRICS), page.choice("along", "Curve along", ALONG),
    ],
    draw() {
      const { state } = page, transform = rigid(state, centre), seen = resample(moving, fixed, transform);
      overlay.paint(n => {
        const [f, m] = [unit(fixed, fixed.values[n]), unit(moving, seen[n])];
        return [0, 1, 2].map(part => 255 * (f * COLOURS.blend[0][part] + m * COLOURS.blend[1][part]));
      });
      grips.move(seenAt([0, 0]));
      grips.turn(seenAt([arm, 0]));
      const table = jointHistogram(pairsOf(fixed, moving, transform), [fixed, moving]), most = Math.max(...table) || 1;
      table.forEach((p, n) => {
        const grey = 255 * (1 - (p / most) ** 0.3), at = 4 * ((BINS - 1 - n % BINS) * BINS + Math.floor(n / BINS));
        cells.data.set([grey, grey, grey, 255], at);
      });
      ink.putImageData(cells, 0, 0);
      const value = drawCurve(), away = ([fixedPoint, partner]) => Math.hypot(...transform(fixedPoint).map((n, axis) => n - partner[axis]));
      const error = landmarks.reduce((sum, pair) => sum + away(pair), 0) / landmarks.length;
      return `${METRICS[state.metric]} ${Number.isFinite(value) ? roundly(value) : "unknown: the images do not meet"}`
        + (landmarks.length ? ` · mean TRE ${error.toFixed(1)} mm` : "");
    },
  };
});
