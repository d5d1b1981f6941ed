"""The threshold of a search, chosen by eye: form, figure, slider and counts that agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import traits.api as t
from matplotlib.figure import Figure

from hyperspy_smartalign.gui.pictures.threshold import ThresholdPicture
from hyperspy_smartalign.gui.tools.searching import Thresholds
from hyperspy_smartalign.gui.tools.tool import Tool, in_words
from hyperspy_smartalign.parameters import ParameterError, TemplateParameters
from hyperspy_smartalign.signals.motif.found import FoundMotif
from hyperspy_smartalign.signals.motif.picturing import MotifPicker

_CHANGED = "The values were changed since the search: search again."


class ChoosingTool(Tool):
    """A tool that searches candidates, of which a threshold chooses those that count.

    The parameter `threshold`, the line in the histogram and `picked_threshold` are the same
    number, whichever of them the user changes. While the line is dragged it is where the mouse
    is; the parameter is then a short number that chooses the same candidates.
    """

    parameters = t.Instance(TemplateParameters, allow_none=False)
    thresholds = t.Instance(ThresholdPicture, (), allow_none=False)

    #: What was found, `searching.Searched`; None before the first search.
    searched = t.Any()
    #: Why the candidates do not belong to the values any more; empty if they do.
    outdated = t.Str()

    #: The threshold of all images, or of the one shown where each has its own.
    picked_threshold = t.Float(0.0)
    #: Range of thresholds that make a difference.
    lowest = t.Float(-1.0)
    highest = t.Float(1.0)
    #: Whether each frame has a threshold of its own; and whether several images were searched.
    each_frame = t.Bool(
        False,
        label="For each frame",
        desc="Give every frame a threshold of its own. Scroll to a frame to move it.",
    )
    several_images = t.Bool(False)
    #: Bars of the histogram, and the scores that it shows.
    bins = t.Range(1, 1000, 64)
    score_low = t.Float(0.0)
    score_high = t.Float(1.0)
    #: How many candidates are matches, in words; and how many tiles that makes.
    counted = t.Str()
    n_tiles = t.Int()

    #: Whether the tool itself changes a value that the user could change too.
    _own_change = t.Bool(False)
    _range_chosen = t.Bool(False)

    # What subclasses say.

    def values_of_search(self) -> dict[str, Any]:
        """The values that candidates depend on."""
        raise NotImplementedError

    # What views call.

    def chosen(self) -> FoundMotif:
        """The search with the threshold of the dialogue; there must be one."""
        found: FoundMotif = self.searched.with_threshold(self.parameters.threshold)
        return found

    def automatic(self) -> None:
        """Go back to the threshold that the search found."""
        self.parameters.trait_set(threshold="auto")

    def whole_range(self) -> None:
        """Show all scores in the histogram."""
        self._range_chosen = False
        picker = self.thresholds.picker
        if picker is not None:
            picker.set_bins(self.bins)
            low, high = picker.score_range
            self._set_own(score_low=low, score_high=high)
            self.thresholds.moved()

    def close(self) -> None:
        """Let go of the signal and its plot. While work runs, this asks first, as `cancel`."""
        super().close()
        if self.state == "closed":
            self.thresholds.release()

    # How it holds together.

    def _applied(self, result: Any) -> None:
        """The search has ended."""
        self.searched = result
        self.several_images = len(result.lowest) > 1
        if result.each_frame:
            self._set_own(each_frame=True)
        self._revise()
        self._renew_picker()

    def _why_outdated(self) -> str:
        searched = self.searched
        if searched is None:
            return ""
        if searched.values != self.values_of_search():
            return _CHANGED
        try:
            thresholds = self._now()
        except ParameterError as error:
            return f"{error} Search again to use them."
        low = thresholds < searched.lowest
        if self.parameters.threshold != "auto" and low.any():
            return (
                f"Candidates with a score below {searched.lowest[low].max():.3g} look like noise "
                "and were not kept: search again to have them too."
            )
        return ""

    def _revise(self) -> None:
        self.outdated = self._why_outdated()
        super()._revise()
        self.thresholds.mark_old(self.outdated)

    def _value_changed(self, event: Any) -> None:
        if event.name != "threshold":
            super()._value_changed(event)
        elif self.state != "closed":
            self._revise()
            self._threshold_written()

    def _frame_chosen(self, event: Any) -> None:
        super()._frame_chosen(event)
        picker = self.thresholds.picker
        if picker is None or not self._follows_frames() or self.frame not in picker.numbers:
            return
        if picker.frame != self.frame:
            picker.show_frame(self.frame)
            self.thresholds.moved()
        self._tell()

    def _follows_frames(self) -> bool:
        return self.searched is not None and self.searched.found.plan.search == "frames"

    def _now(self) -> Thresholds:
        """(m,) the thresholds that the form says; ParameterError if they are too few."""
        now: Thresholds = self.searched.thresholds(self.parameters.threshold)
        return now

    def _shared(self) -> bool:
        return not (self.each_frame and self.several_images)

    def _renew_picker(self) -> None:
        """Make the picker anew: of another search, or for thresholds of another kind."""
        searched = self.searched
        try:
            now = self._now()
        except ParameterError:
            now = searched.automatic.threshold
        if len(np.unique(now)) > 1:
            self._set_own(each_frame=True)
        found = searched.found.with_threshold(now)
        follows = self._follows_frames() and self.frame in searched.pictures.numbers

        def make(figure: Figure) -> MotifPicker:
            return MotifPicker(
                found,
                fixed=self._shared(),
                pictures=searched.pictures,
                frame=self.frame if follows else None,
                bins=self.bins,
                score_range=(self.score_low, self.score_high) if self._range_chosen else None,
                chooser=False,
                changed=self._picked,
                fig=figure,
            )

        picker = self.thresholds.pick(make)
        self.thresholds.mark_old(self.outdated)
        low, high = picker.score_range
        self._set_own(
            score_low=low, score_high=high, lowest=float(searched.lowest.min()), highest=1.0
        )
        self._tell()

    def _picked(self) -> None:
        """The threshold or the frame was changed in the figure."""
        picker = self.thresholds.picker
        if self._follows_frames():
            self.frame = picker.frame
        try:
            moved = not np.array_equal(picker.thresholds, self._now())
        except ParameterError:
            moved = True
        if moved:
            self._take()
        self.thresholds.moved()
        self._tell()

    def _take(self) -> None:
        """Take the thresholds of the figure over into the form."""
        picker = self.thresholds.picker
        written = self.searched.written(picker.thresholds, shared=self._shared())
        self._write(written)
        if not picker.dragging:
            picker.set_thresholds(written)

    def _write(self, threshold: float | tuple[float, ...]) -> None:
        """Write a threshold into the form; the figure has it already."""
        self._own_change = True
        try:
            self.parameters.trait_set(threshold=threshold)
        finally:
            self._own_change = False

    def _threshold_written(self) -> None:
        """Move the figure to the threshold that was written into the form."""
        picker = self.thresholds.picker
        if self._own_change or picker is None:
            return
        try:
            now = self._now()
        except ParameterError:
            return
        if len(np.unique(now)) > 1 and self._shared():
            self.each_frame = True
            return
        picker.set_thresholds(now)
        self.thresholds.moved()
        self._tell()

    def _tell(self) -> None:
        """Count the matches."""
        picker, searched = self.thresholds.picker, self.searched
        accepted = picker.accepted
        matches = int(np.count_nonzero(accepted))
        tiles = matches * searched.tiles_of_a_match
        words = f"{matches:,} of {len(accepted):,} candidates are matches"
        if self.several_images:
            words += f" in {len(searched.lowest)} frames"
        if tiles != matches:
            words += f", {tiles:,} tiles in all frames"
        other = searched.found.search.last.other_site
        if other is not None and other.any():
            words += f"; {np.count_nonzero(other):,} lie on other sites, which never count"
        shown = picker.numbers.index(picker.frame)
        self._set_own(
            counted=words, n_tiles=tiles, picked_threshold=float(picker.thresholds[shown])
        )

    def _set_own(self, **values: Any) -> None:
        self._own_change = True
        try:
            self.trait_set(**values)
        finally:
            self._own_change = False

    @t.observe("picked_threshold")
    def _threshold_chosen(self, event: Any) -> None:
        picker = self.thresholds.picker
        if self._own_change or picker is None:
            return
        wanted = picker.thresholds
        if self._shared():
            wanted[:] = self.picked_threshold
        else:
            wanted[picker.numbers.index(picker.frame)] = self.picked_threshold
        written = self.searched.written(wanted, shared=self._shared())
        self._write(written)
        picker.set_thresholds(written)
        self.thresholds.moved()
        self._tell()

    @t.observe("each_frame")
    def _sharing_chosen(self, event: Any) -> None:
        picker = self.thresholds.picker
        if self._own_change or picker is None:
            return
        if self._shared() and len(np.unique(picker.thresholds)) > 1:
            # That of the frame shown, for all.
            shown = picker.thresholds[picker.numbers.index(picker.frame)]
            self._write(self.searched.written(np.full_like(picker.thresholds, shown), shared=True))
        self._renew_picker()

    @t.observe("bins, score_low, score_high")
    def _bars_chosen(self, event: Any) -> None:
        if self._own_change:
            return
        self._range_chosen = self._range_chosen or event.name != "bins"
        picker = self.thresholds.picker
        if picker is None:
            return
        chosen = (self.score_low, self.score_high) if self._range_chosen else None
        try:
            picker.set_bins(self.bins, chosen)
        except ValueError as error:
            self.say(in_words(error), "error")
            return
        self.thresholds.moved()
