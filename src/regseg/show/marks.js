// Modes of the viewer: landmarks, set in two images by turns, and seeds, set in one. `marks` holds them in turn, in mm.

const REACH = 3;  // mm: a plane shows the marks that lie this near, or in its slice

function makeMarks(viewer, part, images) {
  const { scene, model } = viewer, noun = images > 1 ? "landmark" : "seed";
  const task = element("div", { className: "task" });
  if (part === 0) task.setAttribute("role", "status");  // both viewers of a pair show it, one says it
  let held = -1;  // the mark that is dragged

  const put = marks => { model.set("marks", marks); model.save_changes(); };
  const mine = () => model.get("marks").map((at, n) => ({ at, n })).filter(({ n }) => n % images === part);
  const move = (n, to) => put(model.get("marks").map((at, m) => m === n ? to : at));
  const shown = (view, index) => mine().map(mark => ({ ...mark, place: toContinuousIndex(scene, mark.at) })).filter(({ place }) => {
    const apart = Math.abs(place[view.plane.normal] - index[view.plane.normal]);
    return apart <= 0.5 || apart * scene.spacing[view.plane.normal] <= REACH;
  });
  const under = (view, event) => {
    const far = ({ place }) => Math.hypot(...view.place(place).map((p, n) => p - view.pixel(event)[n])) / view.density();
    return shown(view, viewer.index()).filter(mark => far(mark) <= GRIP_PX).sort((a, b) => far(a) - far(b))[0]?.n ?? -1;
  };

  function set() {
    const marks = model.get("marks"), turn = marks.length % images;
    if (turn < part) return;  // the moving image waits for its landmark in the fixed one
    const before = turn === part ? marks : marks.slice(0, -1);  // half a pair can still be set elsewhere
    put([...before, model.get("position")]);
  }
  function moveNearest() {
    const here = model.get("position"), far = ({ at }) => Math.hypot(...at.map((p, n) => p - here[n]));
    const nearest = mine().sort((a, b) => far(a) - far(b))[0];
    if (nearest) move(nearest.n, here);
  }
  const undo = () => put(model.get("marks").slice(0, -1));

  return {
    top: [task],
    help: `; <kbd>Enter</kbd> or a double click sets a ${noun} at the crosshair, <kbd>Backspace</kbd> takes the last one back,`
      + ` <kbd>M</kbd> moves the nearest one here, and a mouse can drag it`,
    spoken: ` Enter sets a ${noun} at the crosshair; Backspace takes the last one back; M moves the nearest one to the crosshair.`,
    keys(event) {
      const key = event.key.toLowerCase();
      if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey ? undo : null;
      return event.shiftKey ? null : { enter: set, backspace: undo, m: moveNearest }[key];
    },
    press: (view, event) => (held = under(view, event)) >= 0,
    drag: (view, event) => move(held, toPosition(scene, view.nearest(event))),
    release: () => { held = -1; },
    double: (view, event) => { if (view.under(event) && under(view, event) < 0) set(); },
    draw(view, index) {
      const { context } = view, radius = 5 * view.density(), count = model.get("marks").length;
      shown(view, index).forEach(({ n, place }) => {
        const [x, y] = view.place(place), half = images > 1 && n === count - 1 && n % 2 === 0;
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        view.stroke("#E69F00", half);
        view.outlined(Math.floor(n / images) + 1, x + 1.5 * radius, y - radius, "left", "bottom");
      });
    },
    refresh() {
      const marks = model.get("marks").length, sets = Math.floor(marks / images);
      const of = images > 1 ? "pair" : "seed", so = `${sets} ${of}${sets === 1 ? "" : "s"}.`;
      const next = images === 1 ? `${so} Enter or a double click sets one at the crosshair.`
        : marks % 2 ? `Landmark ${sets + 1}: now double-click the same place in the moving image.`
          : `${so} Next: double-click landmark ${sets + 1} in the fixed image.`;
      if (task.textContent !== next) task.textContent = next;  // a screen reader says each change
    },
  };
}
