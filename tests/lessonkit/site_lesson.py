"""A small lesson with every construct that a page may hold, for the tests of the website."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

CONFIG = """
carpentry: 'incubator'
title: 'A small lesson of images'
created: 2026-01-01
keywords: 'images'
life_cycle: 'alpha'
license: 'CC-BY 4.0'
source: 'https://github.com/Somebody/small-lesson'
branch: 'main'
contact: 'https://github.com/Somebody/small-lesson/issues'
episodes:
- 01-images.md
- 02-transforms.md
learners:
- setup.md
- reference.md
instructors:
- instructor-notes.md
profiles:
- learner-profiles.md
"""

INDEX = """---
title: 'Home'
---

Learn what an image is,
from [the first episode](episodes/01-images.md) to [transforms](episodes/02-transforms.md#order).

![A synthetic square.](episodes/fig/01-square.png){alt='a grey square on black'}

::: prereq

## Before you start

Do the [set-up](learners/setup.md). See the [licence](LICENSE.md) and the [registry](data/registry.json).

:::
"""

IMAGES = """---
title: "Images & their space"
teaching: 45
exercises: 30
---

::: questions

- What is the *spacing* $s$ of an image?

:::

::: objectives

- Say where a voxel is.

:::

## Where a voxel is {#where}

A voxel has a place, see [SimpleITK][simpleitk], the [glossary](../learners/reference.md#voxel), [set-up](setup.html)
and [what comes next](02-transforms.md#order). The word platypus is here for the search.[^1]

[^1]: A footnote.

$$ x = o + D \\,\\mathrm{diag}(s)\\, i $$

<!-- a comment of the author -->

```python
import numpy as np

for i in range(3):
    print(f"voxel {i}", np.array([1.0, 2.0]) * i, "a line that is much too long for the screen of a phone, and scrolls")
```

```output
voxel 0 [0. 0.]
```

![A *synthetic* square.](fig/01-square.png){alt='a grey square on black'}

![](fig/01-diagram.svg){alt='two squares, one turned'}

```python
int("x")
```

```error
ValueError: invalid literal for int() with base 10: 'x'
```

```warning
This is slow.
```

| axis | spacing / mm | a wide column | another wide column | and one more of them |
|------|--------------|---------------|---------------------|----------------------|
| x    | 1.0          | some words    | some words          | some more words      |

::: challenge

## Find the voxel

*5 minutes*

What is the index?

```python
answer = ...
```

:::: hint

Use the inverse.

::::

:::: solution

## By hand

### Divide first

`(1, 2)`

```python
answer = (1, 2)
```

```output
(1, 2)
```

::::

:::

::: instructor

### Say it aloud

Learners mix up the axes: SECRET-OF-INSTRUCTORS. See the [notes](../instructors/instructor-notes.md).

:::

## Which system

::: group-tab

### Linux

Use `apt`.

### Windows

Use `winget`.

:::

::: tab

### Python

Write `x`.

### Shell

Write `$x`.

:::

::: callout

## Units

Millimetres.

:::

::: caution

Never swap the axes.

:::

::: discussion

## Talk

Why?

:::

::: testimonial

It helped.

:::

::: checklist

- One thing

:::

::: spoiler

### The details

Deep down.

:::

::: keypoints

- A voxel has a place.

:::
"""

TRANSFORMS = """---
title: "Transforms"
teaching: 20
exercises: 10
---

::: questions

- Which way does a transform map?

:::

::: objectives

- Apply a transform.

:::

## Where a voxel is {#where}

Back to [images](01-images.md) and [its place](#order). The [notes](../instructors/instructor-notes.md) help.

### Order

Text.

::: discussion

### Predict: which way does the `head` move?

We add 30 mm.

- to the right
- to `the left`
- not at all

:::

```python
print("ANSWER-IN-AN-OUTPUT")
```

```output
ANSWER-IN-AN-OUTPUT
```

![A *synthetic* square that moved.](fig/01-square.png){alt='a grey square that has moved'}

It moves away: ANSWER-IN-PROSE.

::: spoiler

### Compare: which way does the `head` move?

- **to the right**: SENTENCE-ON-RIGHT.
- **to `the left`**: SENTENCE-ON-LEFT.
- **not at all**: SENTENCE-ON-NOTHING.

:::

::: challenge

## Find the voxel

Again.

::: solution

Done.

:::
:::

::: keypoints

- It maps fixed to moving.

:::
"""

SETUP = """---
title: 'Set-up'
---

## Python

Install it, then start [the first episode](../episodes/01-images.md) or see the [home page](../index.md).

![A synthetic square.](../episodes/fig/01-square.png){alt='a grey square on black'}

::: spoiler

## When it fails

Ask.

:::
"""

REFERENCE = """---
title: 'Glossary'
---

## Glossary

[Voxel]{#voxel}
:   A cell of a volume, on a *grid*, see [images](../episodes/01-images.md#where).

[Grid]{#grid}
:   Where *voxels* lie.

Spacing
:   The distance between voxels.
"""

NOTES = """---
title: 'Instructor notes'
---

## Timing

Start early, with [images](../episodes/01-images.md).
"""

PROFILES = """---
title: 'Learner profiles'
---

## Ada

Writes Python.
"""

DIAGRAM = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><rect width="20" height="20"/></svg>'


def png(width: int = 320, height: int = 200) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress((b"\0" + b"\x90" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_lesson(root: Path) -> Path:
    """Write the lesson into the folder `root`, without the symbolic link episodes/fig."""
    texts = {
        "config.yaml": CONFIG,
        "index.md": INDEX,
        "links.md": "[simpleitk]: https://simpleitk.org\n",
        "LICENSE.md": "---\ntitle: 'Licence'\n---\n\nCC-BY.\n",
        "episodes/01-images.md": IMAGES,
        "episodes/02-transforms.md": TRANSFORMS,
        "learners/setup.md": SETUP,
        "learners/reference.md": REFERENCE,
        "instructors/instructor-notes.md": NOTES,
        "profiles/learner-profiles.md": PROFILES,
        "data/registry.json": "{}",
        "fig/01-diagram.svg": DIAGRAM,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.lstrip("\n"), encoding="utf-8")
    (root / "fig" / "01-square.png").write_bytes(png())
    return root
