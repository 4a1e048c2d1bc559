// A threshold on the histogram: the mask that it makes, its area, and its Dice coefficient with a reference.

const BINS = 80, WIDE = 200, TALL = 90;

export default playground(page => {
  const { image, reference } = page.images, { reach } = page.constants, [theirs, ours] = COLOURS.labels;
  const picture = makePicture(image, "found blue, reference its orange outline", "The image, with what lies between the thresholds in blue, and the outline of the reference in orange.");
  const [columns] = image.size, [low, high] = reach, pixel = image.spacing[0] * image.spacing[1];
  const across = value => WIDE * (value - low) / (high - low), valueAt = x => low + x / WIDE * (high - low);
  const within = value => Math.min(high, Math.max(low, Number((Math.round((value - low) / reach[2]) * reach[2] + low).toPrecision(9))));

  // Both curves are shares of their own part, so that a small object shows.
  const counts = [new Float64Array(BINS), new Float64Array(BINS)], totals = [0, 0];
  image.values.forEach((value, n) => {
    if (value <= low || value > high) return;  // the background
    const part = reference.values[n] > 0 ? 1 : 0;
    counts[part][Math.min(BINS - 1, Math.floor(BINS * (value - low) / (high - low)))]++;
    totals[part]++;
  });
  const most = Math.max(...counts.flatMap((part, n) => [...part].map(count => count / (totals[n] || 1)))) || 1;
  const curve = part => counts[part].reduce((path, count, n) => {
    const y = (TALL * (1 - count / (totals[part] || 1) / most)).toFixed(2);
    return `${path}L${WIDE * n / BINS} ${y}H${WIDE * (n + 1) / BINS}`;
  }, `M0 ${TALL}`);
  const band = draw("rect", { y: 0, height: TALL, class: "band" });
  const grips = ["lower", "upper"].map(name => {
    const grip = draw("g", { class: "handle" }, draw("path", { class: "level", d: `M0 0V${TALL}` }), draw("rect", { x: -8, y: 0, width: 16, height: TALL, class: "reach" }));
    grip.addEventListener("pointerdown", event => { if (event.button === 0) grip.setPointerCapture(event.pointerId); });
    grip.addEventListener("pointermove", event => {
      if (!grip.hasPointerCapture(event.pointerId)) return;
      const box = plot.getBoundingClientRect(), { lower, upper } = page.state;
      const value = within(valueAt((event.clientX - box.left) / box.width * (WIDE + 8) - 4));
      page.set(name === "lower" ? { lower: Math.min(value, upper) } : { upper: Math.max(value, lower) });
    });
    return grip;
  });
  const plot = draw("svg", { viewBox: `-4 -4 ${WIDE + 8} ${TALL + 16}`, class: "plot", role: "img", "aria-label": "Two histograms: of the reference and of the rest." },
    band, draw("path", { class: "frame", d: `M0 ${TALL}H${WIDE}` }), draw("path", { class: "rest", d: curve(0) }), draw("path", { class: "object", d: curve(1) }), ...grips,
    draw("text", { x: 0, y: TALL + 9 }, minus(low)), draw("text", { x: WIDE, y: TALL + 9, "text-anchor": "end" }, minus(high)));
  const edge = n => [1, -1, columns, -columns].some(step => !(reference.values[n + step] > 0));

  return {
    parts: [
      element("div", { className: "panels" }, picture.figure, element("figure", {}, plot,
        element("figcaption", {}, "how often each value occurs, in the reference (orange) and in the rest (dashed)"))),
      element("div", { className: "controls" }, page.slider("lower", "from", "", reach), page.slider("upper", "to", "", reach)),
    ],
    draw() {
      const { lower, upper } = page.state, found = image.values.map(value => value >= lower && value <= upper ? 1 : 0);
      let size = 0, whole = 0, common = 0;
      found.forEach((one, n) => {
        size += one;
        whole += reference.values[n] > 0;
        common += one && reference.values[n] > 0;
      });
      picture.paint(n => {
        if (reference.values[n] > 0 && edge(n)) return theirs;
        const grey = 255 * unit(image, image.values[n]);
        return found[n] ? ours.map(part => 0.5 * grey + 0.5 * part) : [grey, grey, grey];
      });
      band.setAttribute("x", across(lower));
      band.setAttribute("width", Math.max(0, across(upper) - across(lower)));
      grips.forEach((grip, n) => grip.setAttribute("transform", `translate(${across([lower, upper][n])} 0)`));
      return `From ${minus(lower)} to ${minus(upper)}: ${(size * pixel / 100).toFixed(1)} cm² found, ${(whole * pixel / 100).toFixed(1)} cm² in the reference`
        + ` · Dice ${size + whole ? (2 * common / (size + whole)).toFixed(2) : "unknown: both are empty"}`;
    },
  };
});
