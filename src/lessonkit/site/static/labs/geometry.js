// Images, planes and transforms in millimetres, LPS, in two or three dimensions; matrices are rows after one another.
// An image is { size, spacing, origin, direction, values }, as in ITK, with x running fastest.

export const identity = point => point;
export const compose = (...transforms) => point => transforms.reduce((at, transform) => transform(at), point);  // the first acts first
export const distance = (a, b) => Math.hypot(...a.map((value, axis) => value - b[axis]));
export const dot = (a, b) => a.reduce((sum, value, axis) => sum + value * b[axis], 0);

export const unit = dimension => Array.from({ length: dimension ** 2 }, (_, at) => at % (dimension + 1) ? 0 : 1);
const row = (matrix, r, n) => matrix.slice(r * n, (r + 1) * n);
export const times = (matrix, vector) => vector.map((_, r) => dot(row(matrix, r, vector.length), vector));

export function product(a, b, n) {
  return a.map((_, at) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[Math.floor(at / n) * n + k] * b[k * n + at % n];
    return sum;
  });
}

// The middle of an image: the middle of the box of its voxels' centres.
export const middle = ({ size, spacing, origin, direction }) =>
  times(direction, size.map((count, axis) => spacing[axis] * (count - 1) / 2)).map((value, axis) => value + origin[axis]);

// Turns by angles in radians: in a plane; and about x, y and z, of which the first of `order` acts first.
export const turn = angle => [Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)];
const ABOUT = [
  (c, s) => [1, 0, 0, 0, c, -s, 0, s, c],
  (c, s) => [c, 0, s, 0, 1, 0, -s, 0, c],
  (c, s) => [c, -s, 0, s, c, 0, 0, 0, 1],
];
export const turns = (angles, order = [0, 1, 2]) =>
  order.map(axis => ABOUT[axis](Math.cos(angles[axis]), Math.sin(angles[axis]))).reduce((done, next) => product(next, done, 3));

// x to matrix (x - centre) + centre + shift
export function affine(matrix, centre, shift) {
  return point => times(matrix, point.map((value, axis) => value - centre[axis])).map((value, axis) => value + centre[axis] + shift[axis]);
}

// The four weights of a cubic B-spline at a fraction t of a knot's distance.
const weights = t => [(1 - t) ** 3 / 6, (3 * t ** 3 - 6 * t ** 2 + 4) / 6, (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6, t ** 3 / 6];

// A free-form deformation; a point without all its knots stays where it is, as in ITK.
export function bspline({ size, spacing, origin, direction }, coefficients) {
  const n = size.length, count = size.reduce((all, each) => all * each, 1);
  return point => {
    const from = point.map((value, axis) => value - origin[axis]);
    const at = from.map((_, axis) => from.reduce((sum, value, p) => sum + direction[p * n + axis] * value, 0) / spacing[axis]);
    const first = at.map(value => Math.floor(value) - 1);
    if (first.some((knot, axis) => knot < 0 || knot + 3 >= size[axis])) return point;
    const along = at.map(value => weights(value - Math.floor(value)));
    const moved = [...point];
    for (let tap = 0; tap < 4 ** n; tap++) {
      let weight = 1, index = 0, stride = 1;
      for (let axis = 0, rest = tap; axis < n; axis++, rest >>= 2) {
        weight *= along[axis][rest & 3];
        index += (first[axis] + (rest & 3)) * stride;
        stride *= size[axis];
      }
      for (let axis = 0; axis < n; axis++) moved[axis] += weight * coefficients[axis * count + index];
    }
    return moved;
  };
}

// What one transform parameter map of elastix says, as in regseg.elastix.to_transform.
export function fromElastix(map) {
  const n = Number(map.FixedImageDimension[0]);
  const numbers = name => map[name].map(Number);
  const parameters = numbers("TransformParameters");
  switch (map.Transform[0]) {
    case "EulerTransform": {
      const order = map.ComputeZYX?.[0] === "true" ? [0, 1, 2] : [1, 0, 2];
      const matrix = n === 2 ? turn(parameters[0]) : turns(parameters, order);
      return affine(matrix, numbers("CenterOfRotationPoint"), parameters.slice(-n));
    }
    case "AffineTransform":
      return affine(parameters.slice(0, n * n), numbers("CenterOfRotationPoint"), parameters.slice(-n));
    case "BSplineTransform":
    case "RecursiveBSplineTransform": {
      const columns = numbers("GridDirection");  // elastix writes column by column
      const direction = columns.map((_, at) => columns[at % n * n + Math.floor(at / n)]);
      return bspline({ size: numbers("GridSize"), spacing: numbers("GridSpacing"), origin: numbers("GridOrigin"), direction }, parameters);
    }
    default:
      throw new Error(`this page cannot apply elastix's ${map.Transform[0]}`);
  }
}

// What an image shows at points, by linear interpolation between voxels; beyond the outermost voxels a value of its own.
export function sampler({ size, spacing, origin, direction, values }, beyond = 0) {
  const n = size.length, strides = size.map((_, axis) => size.slice(0, axis).reduce((all, each) => all * each, 1));
  const first = new Array(n), part = new Array(n);
  return point => {
    for (let axis = 0; axis < n; axis++) {
      let sum = 0;
      for (let p = 0; p < n; p++) sum += direction[p * n + axis] * (point[p] - origin[p]);
      const at = sum / spacing[axis], last = size[axis] - 1;
      if (!(at >= -0.5 && at < last + 0.5)) return beyond;
      first[axis] = Math.min(Math.max(Math.floor(at), 0), Math.max(last - 1, 0));
      part[axis] = Math.min(Math.max(at, 0), last) - first[axis];
    }
    let value = 0;
    for (let corner = 0; corner < 1 << n; corner++) {
      let weight = 1, index = 0;
      for (let axis = 0; axis < n; axis++) {
        const far = corner >> axis & 1;
        weight *= far ? part[axis] : 1 - part[axis];
        index += (first[axis] + far) * strides[axis];
      }
      if (weight) value += weight * values[index];
    }
    return value;
  };
}

const ENDS = [["R", "L"], ["A", "P"], ["I", "S"]];
// The planes in which the lesson shows a head: the patient's right at the left, the nose at the left or at the top.
const SIDES = { axial: [0, 1, 1, 1, 2], coronal: [0, 2, 1, -1, 1], sagittal: [1, 2, 1, -1, 0] };

// The planes through the middle of an image, each with a function from pixels to mm. A 2-D image is one axial plane.
export function planes(image, pixel = Math.min(...image.spacing)) {
  const n = image.size.length;
  const corners = Array.from({ length: 1 << n }, (_, corner) =>
    times(image.direction, image.size.map((count, axis) => corner >> axis & 1 ? image.spacing[axis] * (count - 1) : 0)).map((value, axis) => value + image.origin[axis]));
  const low = corners[0].map((_, axis) => Math.min(...corners.map(corner => corner[axis])));
  const high = corners[0].map((_, axis) => Math.max(...corners.map(corner => corner[axis])));
  const centre = middle(image);
  return Object.entries(SIDES).slice(0, n === 2 ? 1 : 3).map(([name, [right, down, toRight, toDown, normal]]) => ({
    name, right, down, toRight, toDown, normal, pixel,
    edges: [[right, toRight], [down, toDown]].flatMap(([axis, sign]) => sign > 0 ? ENDS[axis] : ENDS[axis].toReversed()),
    width: Math.round((high[right] - low[right]) / pixel) + 1,
    height: Math.round((high[down] - low[down]) / pixel) + 1,
    point(x, y) {
      const at = [...centre];
      at[right] = toRight > 0 ? low[right] + x * pixel : high[right] - x * pixel;
      at[down] = toDown > 0 ? low[down] + y * pixel : high[down] - y * pixel;
      return at;
    },
  }));
}
