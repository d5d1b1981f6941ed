"""The tool of template_match: draw a motif, search it, choose the threshold, extract the tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traits.api as t
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui import calls
from hyperspy_smartalign.gui.pictures.motif import (
    MotifPreviewPicture,
    StagesPicture,
    TileSample,
    TilesPicture,
)
from hyperspy_smartalign.gui.tools.choosing import ChoosingTool
from hyperspy_smartalign.gui.tools.motif_region import (
    MotifPreviews,
    first_region,
    short_region,
    sides_of,
)
from hyperspy_smartalign.gui.tools.searching import Searched, for_tiles, search_motif
from hyperspy_smartalign.gui.tools.template_options import TemplateOptions
from hyperspy_smartalign.gui.tools.tool import Tool, in_words
from hyperspy_smartalign.gui.working import Outcome, silently
from hyperspy_smartalign.parameters import ParameterError, Parameters, TemplateParameters
from hyperspy_smartalign.signals.motif.searching import Plan, images_of
from hyperspy_smartalign.signals.motif.templates import SMALLEST_MOTIF, UNIT_CELL, template_of
from hyperspy_smartalign.signals.validating import region_in_pixels

_DRAW = (
    "Draw the motif first: press Draw, put the rectangle round one repeat on the plot, and search."
)
# Parameters that only the last step depends on; others make candidates out of date.
_OF_TILES = ("threshold", "upsample", "interpolation")
_OF_SEARCH = ("template", "search", "frames", "working_folder")


class TemplateTool(ChoosingTool):
    """Template matching with a dialogue: the motif is drawn, and the threshold chosen by eye.

    `apply` searches; `extract` then cuts out the tiles that reach the threshold, which are
    `result`.
    """

    method = "template_match"
    heading = "Template matching"
    apply_label = "Search"
    result_name = "tiles"
    parameters_class = TemplateParameters
    options_class = TemplateOptions
    positional = ("template",)
    #: What stands on the button that cuts out the tiles.
    extract_label = "OK: extract tiles"
    no_region_label = "Clear"

    options = t.Instance(TemplateOptions, allow_none=False)

    preview = t.Instance(MotifPreviewPicture, (), allow_none=False)
    stages = t.Instance(StagesPicture, (), allow_none=False)
    tiles = t.Instance(TilesPicture, (), allow_none=False)

    #: Whether tiles can be extracted now.
    can_extract = t.Property(t.Bool, observe="searched, outdated, state")
    #: Fired with the picture that has something new to look at.
    look_at = t.Event()

    def __init__(
        self,
        signal: BaseSignal,
        given: Mapping[str, Any] | None = None,
        keywords: Mapping[str, Any] | None = None,
    ) -> None:
        passed, own = dict(given or {}), dict(keywords or {})
        sides = sides_of(passed.get("template"))
        if sides is not None:
            # A region can be drawn anew; anything else is taken as it is.
            own.setdefault("template", sides)
            del passed["template"]
        self._motifs = MotifPreviews()
        super().__init__(signal, passed, own)
        self.each_frame = not self.parameters.fixed_threshold
        if self.template is None:
            self.say(_DRAW)

    # What the base asks.

    @classmethod
    def check_signal(
        cls, signal: BaseSignal, given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Raise what the verb would raise for any parameters, before a dialogue is opened."""
        images_of(signal)
        template = options.get("template", given.get("template"))
        with silently():
            plan = Plan.of(signal, options.get("search", "auto"), given.get("source"), stacklevel=1)
            plan.with_frames(options.get("frames"))
            # The lattice of a unit cell is found with the search.
            if template is not None and not (isinstance(template, str) and template == UNIT_CELL):
                template_of(signal, plan.frames.layout, template)

    def check_values(self, parameters: Parameters) -> None:
        """Raise ValueError if the region of the motif is none of the image."""
        super().check_values(parameters)
        if self.options.template is not None:
            region_in_pixels(
                self.signal, self.options.template, name="template", smallest=SMALLEST_MOTIF
            )

    def _pictures_default(self) -> list[Any]:
        return [self.preview, self.thresholds, self.stages, self.tiles]

    def is_idle(self) -> dict[str, str]:
        """Parameters and options that nothing would use now, and why."""
        idle = super().is_idle()
        if self.n_frames == 1:
            idle["search"] = "this is one image"
            if "source" not in self.given:
                idle["frames"] = "this is one image"
        return idle

    @property
    def template(self) -> Any:
        """The motif: the region that is drawn, or else what was given; None if neither."""
        region = self.options.template
        return self.given.get("template") if region is None else region

    def code_line(self) -> str:
        """The equivalent line of Python; empty while there is no motif."""
        if self.template is None:
            return ""
        keywords = {**self._given_by_name(), **self.keywords()}
        keywords.pop("template", None)
        if not self._refined_frame_by_frame():
            return calls.call_line(
                self.signal,
                self.method,
                leading=[self.template],
                keywords=keywords,
                result=self.result_name,
            )
        # The verb would refine the motif with one threshold for all frames.
        last = {name: keywords.pop(name) for name in ("lazy_output",) if name in keywords}
        if "num_workers" in keywords:
            last["num_workers"] = keywords["num_workers"]
        threshold = keywords.pop("threshold")
        line = calls.call_line(
            self.signal,
            "smartalign.find_motif",
            leading=[self.template],
            keywords={**keywords, "fixed_threshold": False},
            result=self.result_name,
        )
        written = ", ".join(f"{name}={value!r}" for name, value in last.items())
        return f"{line}.with_threshold({threshold!r}).tiles({written})"

    def work(self) -> Callable[[], Any]:
        """The search."""
        template = self.template
        if template is None:
            raise ParameterError(_DRAW)
        keywords = {**self._given_by_name(), **self.keywords()}
        for name in ("template", "lazy_output"):
            keywords.pop(name, None)
        signal, values = self.signal, self.values_of_search()
        return lambda: search_motif(signal, template, keywords, values)

    def restore_defaults(self) -> None:
        """Set every parameter and option to its default; the motif stays."""
        template = self.options.template
        super().restore_defaults()
        self.options.trait_set(template=template)

    def region(self) -> Any:
        """The region of the motif, (left, right, top, bottom) or None."""
        return self.options.template

    def set_region(self, region: Any) -> None:
        """Take a region over as the motif; None takes it away."""
        self.options.trait_set(template=region)

    def draw_region(self) -> None:
        """Let the user draw the motif on the plot, in the frame that it is taken from."""
        try:
            plan = self._motifs.plan(self)
        except ValueError as error:
            self.say(in_words(error), "error")
            return
        if plan.search == "frames" and self.n_frames > 1:
            self.frame = int(plan.kept[0])
        if self.options.template is None:
            self.set_region(first_region(self.signal))
        super().draw_region()

    # After the search.

    def extract(self) -> None:
        """Cut out the tiles that reach the threshold, in the background; they are `result`."""
        if self.busy or self.state == "closed":
            return
        problem = self.problem or self.outdated
        if self.searched is None:
            problem = "Search first, and choose the threshold."
        if problem:
            self.say(problem, "error")
            return
        found = for_tiles(self.chosen(), self.used_parameters())
        options = self.options.changed()
        names = [name for name in ("num_workers", "lazy_output") if name in options]
        keywords = {name: options[name] for name in names}

        def work() -> tuple[BaseSignal, TileSample]:
            tiles = found.tiles(**keywords)
            return tiles, TileSample.of(tiles)

        self.start(work, self._extracted)

    # How it holds together.

    def _get_can_extract(self) -> bool:
        return self.searched is not None and not self.outdated and self.state == "ready"

    def _given_by_name(self) -> dict[str, Any]:
        return {name: value for name, value in self.given.items() if name != "template"}

    def values_of_search(self) -> dict[str, Any]:
        """The values that candidates depend on."""
        values = self.parameters.keywords()
        for name in _OF_TILES:
            del values[name]
        options = self.options.keywords()
        return {**values, **{name: options[name] for name in _OF_SEARCH}}

    def _refined_frame_by_frame(self) -> bool:
        """Whether the motif of the search is not that of the verb with this threshold."""
        searched = self.searched
        by_hand = self.parameters.threshold != "auto"
        return searched is not None and searched.each_frame and by_hand and not self.outdated

    def _value_changed(self, event: Any) -> None:
        super()._value_changed(event)
        if event.name == "template" and self.message == _DRAW:
            self.say("")
        # While the user moves the rectangle, it stays as it is.
        if event.name == "template" and self.drawing_region and not self._own_change:
            if event.new is None:
                self.clear_region()
            elif self._region is not None:
                self._region.show(event.new)

    def _region_moved(self, region: tuple[float, float, float, float]) -> None:
        self._own_change = True
        try:
            self.set_region(short_region(self.plotted.image_axes, region))
        finally:
            self._own_change = False

    def _applied(self, result: Searched) -> None:
        """The search has ended."""
        super()._applied(result)
        self.stages.set_found(result.automatic)
        self.look_at = self.thresholds
        if not self.message:
            self.say("Choose the threshold, then extract the tiles.")

    def _extracted(self, result: tuple[BaseSignal, TileSample]) -> None:
        tiles, sample = result
        self.tiles.set_sample(sample)
        Tool._applied(self, tiles)
        self.look_at = self.tiles
        if not self.message:
            self.say(f"{sample.count:,} tiles were extracted.")

    def show_preview(self) -> None:
        """Draw the image that would be searched, and the motif."""
        if not self.preview.seen:
            return
        if self.problem:
            self.preview.say(self.problem)
        else:
            self.previews.ask(self._motifs.preview_of(self), self._previewed)

    def _previewed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.preview.say(in_words(outcome.error))
        else:
            layout = self._motifs.layout(self)
            self.preview.set_preview(outcome.value, layout.scale, layout.units)
