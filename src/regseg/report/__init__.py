"""A page that judges a registration or a segmentation of your own: one file, to open in any browser, without a network.

>>> from regseg import report
>>> judged = report.registration("fixed.nii.gz", "moving.nii.gz", "transform.h5")
>>> print(judged)                  # the verdict in words
>>> judged.write("report.html")    # with pictures and numbers
"""

from regseg.report.document import Report
from regseg.report.registration import registration
from regseg.report.segmentation import segmentation
from regseg.report.verdict import Finding, Verdict

__all__ = ["Finding", "Report", "Verdict", "registration", "segmentation"]
