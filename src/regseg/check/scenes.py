"""What several episodes ask about: one place, one scan."""

NOTE = (-29.0, 20.0, 39.0)  # mm, LPS: the place that the colleague's note names, in episodes 01 and 03
SCAN_SIZE = (788, 932, 756)  # voxels of the research scan, in episodes 03 and 11
SCAN_SPACING = 0.25  # mm
