// A mode of the viewer: a box of voxels. `box` holds six indices: the first voxel along i, j, k, then the one after the last.

function makeBox(viewer) {
  const { scene, model } = viewer, task = element("div", { className: "task", role: "status" });
  let kept = {};         // while it is dragged: for each axis that changes, the voxel at the end that stays
  let pressed = null;    // a drag from here draws a new box
  let corner = null;     // set by a key: the box reaches from here to the crosshair
  let before = null;     // the box as it was then

  const put = box => { model.set("box", box); model.save_changes(); };
  // The box with these axes spanned anew, from the voxels that stay to another voxel.
  const span = (stay, index) => {
    const box = [...model.get("box")];
    for (const [axis, end] of Object.entries(stay)) {
      box[+axis] = Math.min(end, index[axis]);
      box[+axis + 3] = Math.max(end, index[axis]) + 1;
    }
    put(box);
  };
  const ends = (view, box) => [view.place(box.slice(0, 3).map(i => i - 0.5)), view.place(box.slice(3).map(i => i - 0.5))];

  // The edges under the pointer, by their axis: which voxel at the other end stays when they are dragged.
  function edges(view, event) {
    const box = model.get("box"), at = view.pixel(event), grip = GRIP_PX * view.density(), [first, last] = ends(view, box);
    const near = [0, 1].every(n => at[n] > Math.min(first[n], last[n]) - grip && at[n] < Math.max(first[n], last[n]) + grip);
    const found = {};
    [view.plane.right, view.plane.down].forEach((axis, n) => {
      const [toFirst, toLast] = [Math.abs(at[n] - first[n]), Math.abs(at[n] - last[n])];
      if (near && Math.min(toFirst, toLast) <= grip) found[axis] = toFirst < toLast ? box[axis + 3] - 1 : box[axis];
    });
    return found;
  }
  function setCorner() {
    if (corner) {
      corner = null;
    } else {
      before = model.get("box");
      corner = viewer.index();
      span({ ...corner }, corner);
    }
    viewer.redraw();
  }
  function giveUp() {
    corner = null;
    put(before);
    viewer.redraw();
  }

  return {
    top: [task],
    help: `; drag an edge of the box, or draw a new one; <kbd>Enter</kbd> begins one at the crosshair and, again, ends it;`
      + ` <kbd>Escape</kbd> brings the old one back`,
    spoken: " Enter begins a box at the crosshair, and Enter again ends it; Escape brings the old one back.",
    keys(event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return null;
      return event.key === "Enter" ? setCorner : event.key === "Escape" && corner ? giveUp : null;
    },
    press(view, event) {
      kept = edges(view, event);
      pressed = Object.keys(kept).length ? null : view.under(event);
      if (pressed) viewer.moveTo(pressed);
      corner = null;
      return true;
    },
    drag(view, event) {
      const index = view.nearest(event);
      if (pressed && index.some((i, axis) => i !== pressed[axis])) {
        kept = Object.fromEntries([view.plane.right, view.plane.down].map(axis => [axis, pressed[axis]]));
        pressed = null;
      }
      span(kept, index);
    },
    release: () => { kept = {}; },
    draw(view, index) {
      const box = model.get("box"), [first, last] = ends(view, box), { context } = view, normal = view.plane.normal;
      context.beginPath();
      context.rect(...first, last[0] - first[0], last[1] - first[1]);
      view.stroke("#56B4E9", index[normal] < box[normal] || index[normal] >= box[normal + 3]);
    },
    refresh() {
      if (corner) span({ ...corner }, viewer.index());
      const box = model.get("box"), axes = [0, 1, 2].slice(0, scene.dimension), size = axes.map(a => box[a + 3] - box[a]);
      const mm = axes.map(a => short(+(size[a] * scene.spacing[a]).toFixed(2)));
      const words = `Box of ${size.join(" × ")} voxels, ${mm.join(" × ")} mm, from voxel (${axes.map(a => box[a]).join(", ")})`
        + (corner ? ": move the crosshair to the opposite corner, then press Enter." : ".");
      if (task.textContent !== words) task.textContent = words;
    },
  };
}
