"""Registration of a pair of your own that fits in memory: one call, and a page that judges what came out.

>>> from regseg import register
>>> found = register.pair("fixed.nii.gz", "moving.nii.gz")
>>> print(found)                    # what was assumed, and what was done
>>> found.transform                 # from points of the fixed image to points of the moving one
>>> found.report().write("report.html")
"""

from regseg.register.pairs import Registered, pair

__all__ = ["Registered", "pair"]
