"""Dates and times in what customers write."""

from nlu.dates.mention import Mention, TimeValue
from nlu.dates.read import ParseTimes, read_dates

__all__ = ["Mention", "ParseTimes", "TimeValue", "read_dates"]
