"""What the tests of the playgrounds share: a page with one of them, without a notebook, and what it shows."""

import base64

import numpy as np
from playwright.sync_api import Locator, Page
from viewer_page import mount_state, settled

from regseg.show import living
from regseg.show.play.playground import Playground

THEMES = {"light": "background: white", "dark": "background: #111; color: #eee; color-scheme: dark"}

# A model as anywidget has it, of a page that no Python listens to.
MOUNT = """async ({ script, css, traits }) => {
  for (const image of Object.values(traits.images)) {
    image.voxels = new DataView(Uint8Array.from(atob(image.voxels), c => c.charCodeAt(0)).buffer);
  }
  const heard = [];
  window.model = {
    get: name => traits[name],
    set(name, value) { traits[name] = value; heard.forEach(each => each()); },
    on: (_, listener) => heard.push(listener),
    off() {},
    save_changes() {},
  };
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const module = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  await module.default.render({ model, el: document.querySelector("main > div") });
}"""


def mount(page: Page, playground: Playground, theme: str = "light") -> Locator:
    """The playground in this page, once it has drawn itself."""
    traits = {name: getattr(playground.page, name) for name in ("images", "constants", "state")}
    images = {
        name: sent | {"voxels": base64.b64encode(sent["voxels"]).decode()} for name, sent in traits["images"].items()
    }
    page.set_content(
        f'<html lang="en" style="{THEMES[theme]}"><title>A playground</title>'
        "<main><h1>A playground</h1><div></div></main></html>"
    )
    script, css = (str(getattr(playground.page, name)) for name in ("_esm", "_css"))
    page.evaluate(MOUNT, {"script": script, "css": css, "traits": traits | {"images": images}})
    settled(page)
    return page.locator(".regseg-play")


def mount_alive(page: Page, playground: Playground) -> Locator:
    """The same in a page as the website has it: from the state that a run keeps, by mount.js, without Python."""
    mount_state(page, living.state(playground.name, [playground.view()]))
    return page.locator(".regseg-play")


def setting(page: Page, **changes) -> dict:
    """Change what the controls say, and give all that they say then."""
    page.evaluate("changes => model.set('state', { ...model.get('state'), ...changes })", changes)
    settled(page)
    return page.evaluate("model.get('state')")


def pixels(canvas: Locator) -> np.ndarray:
    """What a canvas shows, (rows, columns, 3), as numbers from 0 to 255."""
    values, width = canvas.evaluate(
        "c => [[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data], c.width]"
    )
    return np.reshape(values, (-1, width, 4))[..., :3]
