"""The page that the tests of the website open."""

import pytest


@pytest.fixture
def page(browser):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()
