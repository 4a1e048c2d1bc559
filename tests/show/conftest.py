"""One image and one JupyterLab for all tests of the viewer."""

import pytest
import SimpleITK as sitk
from playwright.sync_api import Page
from viewer_page import IMAGE

from lessonkit import lab, testing


@pytest.fixture
def image() -> sitk.Image:
    """The image of the cell."""
    names: dict = {}
    exec(IMAGE, names)
    return names["image"]


@pytest.fixture
def page(browser):
    """An empty page, for widgets without a notebook."""
    with browser.new_context(viewport={"width": 900, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    with lab.jupyterlab(folder) as (address, _):
        yield folder, address


@pytest.fixture
def run(browser, jupyter):
    """Run these cells in a notebook; give the page."""
    folder, address = jupyter
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:

        def run(*cells: str) -> Page:
            testing.write_notebook(folder / "viewer.ipynb", *cells)
            page = context.new_page()
            testing.run_all(page, address, "viewer.ipynb")
            page.locator(".regseg-explore .readout").first.wait_for(timeout=testing.PATIENCE)
            return page

        yield run
    testing.end_kernels(address)
