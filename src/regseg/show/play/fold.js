// One knot of a lattice is dragged until the net folds: on the right the determinant, and where it is 0 or less.

const NET_MM = 8, STEP_MM = 2;

// The Jacobian determinant at each pixel, by differences of neighbours: central ones, at the edge one-sided ones.
function determinants(image, transform) {
  const { size: [columns, rows], spacing, direction: d } = image, moved = [];
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const point = toPoint(image, [i, j]), [x, y] = transform(point).map((n, axis) => n - point[axis]);
      moved.push([d[0] * x + d[2] * y, d[1] * x + d[3] * y]);  // along the axes of the image
    }
  }
  const slope = (n, at, last, stride, mm) => {
    const before = at > 0 ? n - stride : n, behind = at < last ? n + stride : n, far = (behind - before) / stride * mm;
    return [0, 1].map(axis => (moved[behind][axis] - moved[before][axis]) / far);
  };
  return Float64Array.from(moved, (_, n) => {
    const i = n % columns, j = Math.floor(n / columns);
    const [a, c] = slope(n, i, columns - 1, 1, spacing[0]), [b, e] = slope(n, j, rows - 1, columns, spacing[1]);
    return (1 + a) * (1 + e) - b * c;
  });
}

export default playground(page => {
  const { image } = page.images, { lattices, reach } = page.constants;
  const left = makePicture(image, "image: where the new grid reads", "The image, and the net of the new grid after the transform.");
  const right = makePicture(image, "determinant: 0 black, 2 white, folded orange", "The Jacobian determinant: darker where space shrinks, brighter where it grows, orange where it folds.");
  const line = left.line("net"), knots = left.line("knots"), lattice = () => lattices[page.state.cells];
  const knotOf = (grid, away = 0) => toPoint(grid, [grid.knot[0] + away, grid.knot[1]]);
  const within = ([min, max, step], n) => Math.min(max, Math.max(min, Math.round(n / step) * step));
  const grip = left.handle("grip", point => {
    const at = knotOf(lattice()), [knot_x, knot_y] = point.map((n, axis) => within(reach, n - at[axis]));
    page.set({ knot_x, knot_y });
  });
  const other = left.handle("asks");
  left.paint(n => Array(3).fill(255 * unit(image, image.values[n])));

  return {
    parts: [
      page.choice("cells", "Cells of the lattice", Object.fromEntries(Object.keys(lattices).map(cells => [cells, `${cells} × ${cells}`]))),
      element("div", { className: "panels" }, left.figure, right.figure),
      element("div", { className: "controls" }, page.slider("knot_x", "knot x", " mm", reach), page.slider("knot_y", "knot y", " mm", reach),
        element("div", { className: "checks" }, page.check("against", "the next knot the other way"))),
    ],
    draw() {
      const { state } = page, grid = lattice(), by = [state.knot_x, state.knot_y], back = by.map(n => -n), at = knotOf(grid), next = knotOf(grid, 1);
      const one = bend(grid, by), two = bend({ ...grid, knot: [grid.knot[0] + 1, grid.knot[1]] }, back);
      const both = point => {
        const [u, v] = one(point), [a, b] = two(point);
        return [u + a - point[0], v + b - point[1]];
      };
      const transform = state.against ? both : one;
      line(...netOf(image, NET_MM, STEP_MM, at).map(run => run.map(transform)));
      const ends = [at.map((n, axis) => n + by[axis]), next.map((n, axis) => n + back[axis])];
      knots([at, ends[0]], ...(state.against ? [[next, ends[1]]] : []));
      grip(ends[0]);
      other(state.against ? ends[1] : next);
      const values = determinants(image, transform), folds = values.reduce((count, value) => count + (value <= 0), 0);
      right.paint(n => values[n] <= 0 ? COLOURS.labels[0] : Array(3).fill(255 * Math.min(1, values[n] / 2)));
      const far = Math.hypot(...by.map((n, axis) => n / grid.spacing[axis]));
      return `The knot is moved by ${far.toFixed(1)} times the distance of two knots · smallest determinant ${minus(Math.min(...values).toFixed(2))}`
        + ` · ${(100 * folds / values.length).toFixed(1)} % of the slice folded`;
    },
  };
});
