// Mounts a figure's widget in a page that has no kernel: a stand-in for the widget's model is all that it asks for.

class Model {
  #traits; #hearers = new Map();

  constructor(traits) { this.#traits = traits; }
  get(name) { return this.#traits[name]; }
  set(name, value) {
    if (JSON.stringify(value) === JSON.stringify(this.#traits[name])) return;
    this.#traits[name] = value;
    for (const hear of this.#hearers.get(`change:${name}`) ?? []) hear();
  }
  on(events, hear) {
    for (const event of events.split(" ")) this.#hearers.set(event, [...this.#hearers.get(event) ?? [], hear]);
  }
  off(events, hear) {
    for (const event of events.split(" ")) this.#hearers.set(event, (this.#hearers.get(event) ?? []).filter(one => one !== hear));
  }
  save_changes() {}
  send() {}
}

// Mounts all views of a figure in `el`. `state` is what regseg.show.living says of the figure, `widget` the default export
// of its script, `base` the address from which the state's files are seen. Returns what unmounts them again.
export async function mount(el, state, widget, base = document.baseURI) {
  const address = (key, value) => key === "file" ? new URL(state.files[value], base).href : value;
  const models = state.views.map(view => new Model(JSON.parse(JSON.stringify(view.traits), address)));
  for (const name of state.shared) {
    for (const model of models) model.on(`change:${name}`, () => models.forEach(other => other.set(name, model.get(name))));
  }
  el.classList.add("regseg-views");
  el.classList.toggle("many", models.length > 2);
  const ends = await Promise.all(models.map(async (model, n) => {
    const view = document.createElement("div"), title = document.createElement("p"), place = document.createElement("div");
    view.className = "view";
    title.className = "view-title";
    title.textContent = state.views[n].title;
    view.append(...(title.textContent ? [title] : []), place);
    el.append(view);
    const { initialize, render } = typeof widget === "function" ? await widget() : widget;
    return [await initialize?.({ model }), await render({ model, el: place })];
  }));
  return () => ends.flat().forEach(end => end?.());
}
