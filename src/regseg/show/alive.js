// A child of a widget that says for as long as the widget lives in a page: here is something better than the still.

// What JupyterLab is still asked to do: to save, to run a cell. Its commands of one letter cut and delete cells.
const isForJupyter = event => event.key === "Enter" ? event.shiftKey || event.ctrlKey || event.metaKey || event.altKey
  : (event.ctrlKey || event.metaKey) && event.key.toLowerCase() !== "z";

// ipywidgets leaves the handles of its sliders without a name.
function nameHandles(box) {
  box.querySelectorAll(".noUi-handle").forEach(handle => {
    const label = handle.closest(".widget-inline-hbox")?.querySelector("label");
    const range = handle.closest(".noUi-base").querySelector(".noUi-handle-upper");
    const end = !range ? "" : handle === range ? ", upper end" : ", lower end";
    if (label) handle.setAttribute("aria-label", label.textContent + end);
  });
}

export default {
  render({ model, el }) {
    const still = `.${model.get("still")}`, style = document.createElement("style");
    // Two rules, because a browser that does not know :has drops the rule it stands in.
    style.textContent = `${still} { display: none } .jp-OutputArea-child:has(${still}) { display: none }`;
    el.append(style);
    // JupyterLab looks for the attribute when it hears of the key, at the element that has the focus before all others;
    // only a listener of the window hears of it earlier.
    const guard = event => {
      if (!el.closest(".widget-vbox")?.contains(event.target)) return;
      event.target.toggleAttribute("data-lm-suppress-shortcuts", !isForJupyter(event));
    };
    addEventListener("keydown", guard, true);
    let sliders;
    requestAnimationFrame(() => {  // now the element is in the page
      const box = el.closest(".widget-vbox");
      if (!box) return;
      nameHandles(box);
      sliders = new MutationObserver(() => nameHandles(box));  // a slider may come later
      sliders.observe(box, { childList: true, subtree: true });
    });
    return () => {
      removeEventListener("keydown", guard, true);
      sliders?.disconnect();
    };
  },
};
