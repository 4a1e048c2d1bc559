"""Images whose truth is known: `from regseg.synth import heads, lesions, looks, pairs, scans, warps`.

- `warps`: grid, seed and reach in mm become a transform.
- `looks`: what a scanner makes of an anatomy: contrast, bias field, noise.
- `heads`: label maps and tissue maps become images.
- `lesions`: lesions with a known outline, and raters who each draw them in their own way.
- `scans`: random scans of an anatomy, no two alike, for a network to learn from.
- `pairs`: two images, and how they correspond.

All of it is pure: images in, images out; the same inputs and seed give the same image. Nothing here asks for an image
by name or reaches for a file of its own; `regseg.data` does that. Arrays are indexed (z, y, x), as SimpleITK gives them
to numpy; points are (n, d) in mm, LPS, columns x y z.
"""
