"""A verdict: sentences of three kinds, each with the section of the page that it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# What is said first, and what later.
_ORDER = ("look", "landmarks", "labels", "deformation", "inverse", "intensities", "geometry")
# Only these say whether corresponding points meet; a transform that folds nowhere may still be the wrong one.
_TELLING = {"landmarks", "labels", "intensities"}
_NUMBERS = dict(enumerate(("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"), start=2))


@dataclass(frozen=True)
class Finding:
    """One sentence of the verdict, and the section of the page that it rests on."""

    section: str
    text: str


@dataclass
class Verdict:
    """What looks wrong, what could not be judged, and what was measured and does not look wrong."""

    doubts: list[Finding] = field(default_factory=list)
    unjudged: list[Finding] = field(default_factory=list)
    sounds: list[Finding] = field(default_factory=list)

    def doubt(self, section: str, text: str) -> None:
        """Say what looks wrong."""
        _add(self.doubts, section, text)

    def unknown(self, section: str, text: str) -> None:
        """Say what could not be judged."""
        _add(self.unjudged, section, text)

    def sound(self, section: str, text: str) -> None:
        """Say what does not look wrong."""
        _add(self.sounds, section, text)

    @property
    def parts(self) -> list[tuple[str, list[Finding]]]:
        """What there is to say, under its title."""
        titles = "What looks wrong", "What could not be judged", "What does not look wrong"
        said = zip(titles, (self.doubts, self.unjudged, self.sounds), strict=True)
        return [(title, findings) for title, findings in said if findings]

    @property
    def open(self) -> bool:
        """Whether nothing looks wrong, and nothing speaks for the result either."""
        return not self.doubts and not any(finding.section in _TELLING for finding in self.sounds)

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        count = len(self.doubts)
        if self.open:
            return "Nothing tells whether this is right"
        if not count:
            return "Nothing that was measured looks wrong"
        return "One thing looks wrong" if count == 1 else f"{_NUMBERS.get(count, count)} things look wrong"


def _add(findings: list[Finding], section: str, text: str) -> None:
    findings.append(Finding(section, text))
    findings.sort(key=lambda finding: _ORDER.index(finding.section))


def mm(length: float) -> str:
    """A length in words: digits that mean something."""
    return f"{length:.0f} mm" if length >= 100 else f"{length:.1f} mm" if length >= 10 else f"{length:.2f} mm"


def percent(share: float) -> str:
    """A share in per cent; what is not zero is never called 0."""
    if share == 0:
        return "0 %"
    if share < 0.0001:
        return "less than 0.01 %"
    return f"{100 * share:.2f} %" if share < 0.1 else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A number with three digits after the point, or the word for none."""
    return "not known" if not np.isfinite(value) else f"{value:.3f}".replace("-", "−")
