// A mask is moved and grown against a reference: Dice, HD95 and NSD follow, and disagree.

const FINE = 0.01;  // mm: the distances may come from a file, which rounds them

// The faces between pixels of the mask and others: their middles in mm, their lengths, and whether the other has them too.
function facesOf(mask, other, { size: [columns, rows], spacing }) {
  const at = (values, i, j) => i >= 0 && j >= 0 && i < columns && j < rows ? values[j * columns + i] : 0, faces = [];
  for (let j = -1; j < rows; j++) {
    for (let i = -1; i < columns; i++) {
      for (const [right, down] of [[1, 0], [0, 1]]) {
        if (at(mask, i, j) === at(mask, i + right, j + down)) continue;
        faces.push({
          x: (i + right / 2) * spacing[0], y: (j + down / 2) * spacing[1], length: right ? spacing[1] : spacing[0],
          shared: at(other, i, j) !== at(other, i + right, j + down),
        });
      }
    }
  }
  return faces;
}

// From each face to the nearest one of the other surface, in mm, with its length; in order.
const distances = (faces, others) => faces.map(({ x, y, length, shared }) => {
  const nearest = shared ? 0 : Math.sqrt(others.reduce((best, face) => Math.min(best, (face.x - x) ** 2 + (face.y - y) ** 2), Infinity));
  return { nearest, length };
}).sort((a, b) => a.nearest - b.nearest);

const total = measured => measured.reduce((sum, { length }) => sum + length, 0);

// The distance below which this part of the surface lies.
function quantile(measured, part) {
  const enough = part * total(measured) * (1 - 1e-12);
  let sum = 0;
  return measured.find(({ length }) => (sum += length) >= enough).nearest;
}

export default playground(page => {
  const { reference, distance } = page.images, { reach } = page.constants, theirs = COLOURS.labels[0], ours = COLOURS.labels[4], both = COLOURS.labels[7];
  const picture = makePicture(reference, "reference orange, drawing blue, both white", "The reference in orange and the drawing in blue, white where both are.");
  const [columns, rows] = reference.size, whole = reference.values.map(value => value > 0 ? 1 : 0);
  const within = ([min, max, step], n) => Math.min(max, Math.max(min, Math.round(n / step) * step));
  const centre = toPoint(reference, reference.size.map((n, axis) => whole.reduce((sum, one, at) => sum + one * (axis ? Math.floor(at / columns) : at % columns), 0) / whole.reduce((a, b) => a + b)));
  const grip = picture.handle("grip", point => {
    const [x, y] = point.map((n, axis) => within(reach[axis], n - centre[axis]));
    page.set({ x, y });
  });
  const drawing = ({ x, y, grow }) => whole.map((_, n) => {
    const point = toPoint(reference, [n % columns, Math.floor(n / columns)]);
    const [i, j] = toIndex(reference, [point[0] - x, point[1] - y]).map(Math.round);
    return i >= 0 && j >= 0 && i < columns && j < rows && distance.values[j * columns + i] <= grow + FINE ? 1 : 0;
  });

  return {
    parts: [
      element("div", { className: "panels" }, picture.figure),
      element("div", { className: "controls" }, page.slider("x", "move x", " mm", reach[0]), page.slider("y", "move y", " mm", reach[1]),
        page.slider("grow", "grow", " mm", reach[2]), page.slider("tolerance", "tolerance", " mm", reach[3])),
    ],
    draw() {
      const { state } = page, drawn = drawing(state);
      picture.paint(n => whole[n] && drawn[n] ? both : whole[n] ? theirs : drawn[n] ? ours : [0, 0, 0]);
      grip([centre[0] + state.x, centre[1] + state.y]);
      const count = values => values.reduce((a, b) => a + b, 0), common = count(whole.map((one, n) => one && drawn[n]));
      if (!count(drawn)) return "Dice 0.00 · nothing is drawn, and there is no distance to nothing.";
      const faces = [facesOf(whole, drawn, reference), facesOf(drawn, whole, reference)];
      const measured = [distances(faces[0], faces[1]), distances(faces[1], faces[0])], all = measured.flat();
      const near = all.filter(({ nearest }) => nearest <= state.tolerance + 1e-6);
      return `Dice ${(2 * common / (count(whole) + count(drawn))).toFixed(3)} · HD95 ${Math.max(...measured.map(one => quantile(one, 0.95))).toFixed(2)} mm`
        + ` · NSD ${(total(near) / total(all)).toFixed(3)} at a tolerance of ${state.tolerance} mm`;
    },
  };
});
