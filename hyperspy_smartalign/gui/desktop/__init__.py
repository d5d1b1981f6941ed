"""The tools in a window, by traitsui."""

from hyperspy_smartalign.gui.desktop.qt import choose_toolkit

# Left to itself, traitsui would choose as soon as it is imported, and Qt without a display would
# end the process.
choose_toolkit()
