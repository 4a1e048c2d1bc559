"""What a learner imports: `from regseg import check, data, evaluate, show`.

- `data`: named images, embedded or downloaded, with their origin and licence.
- `show`: figures and an interactive viewer.
- `evaluate`: how good a registration or a segmentation is.
- `check`: is the answer to an exercise right, and if not, which known mistake is it?

Imported when they are needed:

- `grid`: where the voxels of an image lie, and boxes of them.
- `synth`: images whose truth is known, to try a registration on.
- `blocks`: pieces of an image, one after the other.
- `volumes`: chunked files in several resolutions, read and written a region at a time.
- `memory`: how much a computation takes, and a limit for it.
- `distributed`: registration by map and reduce.
- `cohorts`: folders of BraTS, OASIS and others; their contrasts brought onto one grid.
- `label_server`: a server of MONAI Label, over HTTP.
- `register`: registration of a pair of your own that fits in memory.
- `report`: a page that judges a registration or a segmentation of your own.
"""
