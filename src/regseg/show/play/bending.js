// The net of a registration, moment by moment, beside the true one. It moves only when somebody asks for it.

const STEP_MS = 200;

export default playground(page => {
  const { image, x, y } = page.images, { columns, rows, last } = page.constants;
  const left = makePicture(image, "the net at this moment", "The image, and the net of the registration at this moment.");
  const right = makePicture(image, "the true net", "The same image, and the true net.");
  const moving = left.line("moment"), count = columns * rows;
  const pointOf = (moment, n) => [x, y].map(({ values }) => values[moment * count + n]);
  const runs = moment => {
    const run = (length, n) => Array.from({ length }, (_, at) => pointOf(moment, n(at)));
    return [
      ...Array.from({ length: rows }, (_, row) => run(columns, at => row * columns + at)),
      ...Array.from({ length: columns }, (_, column) => run(rows, at => at * columns + column)),
    ];
  };
  const apart = moment => {
    let sum = 0;
    for (let n = 0; n < count; n++) {
      const [a, b] = pointOf(moment, n), [c, d] = pointOf(last + 1, n);
      sum += Math.hypot(a - c, b - d);
    }
    return sum / count;
  };
  right.line("moment")(...runs(last + 1));

  let playing;
  const button = element("button", { type: "button" }, "Play");
  const stop = () => {
    clearInterval(playing);
    playing = undefined;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (playing) return stop();
    if (page.state.step === last) page.set({ step: 0 });
    button.textContent = "Stop";
    playing = setInterval(() => {
      if (button.isConnected && page.state.step < last) page.set({ step: page.state.step + 1 });
      else stop();
    }, STEP_MS);
  });
  button.hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;  // the slider remains

  return {
    parts: [
      element("div", { className: "panels" }, left.figure, right.figure),
      element("div", { className: "controls" }, page.slider("step", "step", ` of ${last}`, [0, last, 1]), element("div", { className: "checks" }, button)),
    ],
    draw() {
      const { step } = page.state;
      moving(...runs(step));
      return `After ${step} of ${last} steps · its points are ${apart(step).toFixed(1)} mm from the true ones in the mean`;
    },
  };
});
