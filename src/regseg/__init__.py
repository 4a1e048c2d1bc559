"""What a learner imports: `from regseg import check, data, evaluate, show`.

- `data`: named images, embedded or downloaded, with their origin and licence.
- `show`: figures and an interactive viewer.
- `evaluate`: how good a registration or a segmentation is.
- `check`: is the answer to an exercise right, and if not, which known mistake is it?
"""
