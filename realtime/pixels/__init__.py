"""Pixels in the forms that inputs and outputs share: colour conversion, resizing, OpenCV's log."""
