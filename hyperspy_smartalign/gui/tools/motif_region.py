"""The region of a motif in a dialogue, and the preview of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.pictures.motif import MotifPreview
from hyperspy_smartalign.gui.working import silently
from hyperspy_smartalign.signals.motif.searching import Plan
from hyperspy_smartalign.signals.motif.templates import SMALLEST_MOTIF, Template, template_of
from hyperspy_smartalign.signals.validating import Layout

if TYPE_CHECKING:
    from hyperspy_smartalign.gui.tools.template import TemplateTool

#: Side of a new region, as a share of the shorter side of the frame, and its least length in px.
_SHARE = 0.2
_SMALLEST = 2 * SMALLEST_MOTIF
#: Sides of a region are written to this part of a pixel.
_FINEST = 0.01


class MotifPreviews:
    """Previews of a search; the average of a series is made once."""

    def __init__(self) -> None:
        self._key: Any = None
        self._plan: Plan | None = None
        self._searched: Any = None

    def plan(self, tool: TemplateTool) -> Plan:
        """What would be searched.

        Raises
        ------
        ValueError
            As the verb.
        """
        used = {
            name: value
            for name, value in tool.options.keywords().items()
            if name not in tool.idle and name in ("search", "frames")
        }
        key = tuple(used.items())
        if self._plan is None or key != self._key:
            with silently():
                plan = Plan.of(
                    tool.signal, used.get("search", "auto"), tool.given.get("source"), stacklevel=1
                )
                self._plan = plan.with_frames(used.get("frames"))
            self._key, self._searched = key, None
        return self._plan

    def layout(self, tool: TemplateTool) -> Layout:
        """Of the image that would be searched."""
        return self.plan(tool).frames.layout

    def preview_of(self, tool: TemplateTool) -> Callable[[], MotifPreview]:
        """What makes a preview; it may be called in another thread."""
        signal, template, frame = tool.signal, tool.template, tool.frame
        try:
            plan = self.plan(tool)
        except (ValueError, TypeError) as error:
            wrong = error

            def refuse() -> MotifPreview:
                raise wrong

            return refuse

        def make() -> MotifPreview:
            with silently():
                given = None
                if template is not None:
                    given = template_of(signal, plan.frames.layout, template)
                return self._made(plan, given, frame)

        return make

    def _made(self, plan: Plan, given: Template | None, frame: int) -> MotifPreview:
        searched = self._searched
        if searched is None or self._plan is not plan:
            searched = plan.searched()
            if self._plan is plan:
                self._searched = searched
        first = int(plan.kept[0])
        of_average = plan.search == "average"
        if isinstance(searched, np.ndarray):
            image = searched
        else:
            image = np.asarray(searched.frames.frame(frame))
        alone = len(plan.frames) == 1
        name = "the image" if alone else "the average" if of_average else f"frame {frame}"
        if given is None:
            return MotifPreview(image, name)
        if given.region is None:
            motif, told = np.asarray(given.pixels), "motif, as given"
        else:
            motif = plan.region(given.region, searched)
            averaged = of_average or plan.known is not None
            told = "motif" if alone else "motif, of the average"
            if not alone and not averaged:
                told = f"motif, of frame {first}"
        return MotifPreview(
            image=image,
            image_name=name,
            motif=motif,
            motif_name=told,
            region=given.region,
            of_this=alone or of_average or (plan.known is None and frame == first),
        )


def sides_of(template: Any) -> tuple[Any, ...] | None:
    """The sides of a region that was given as motif; None for anything else."""
    if template is None or isinstance(template, (str, BaseSignal, np.ndarray)):
        return None
    try:
        sides = tuple(template)
    except TypeError:
        return None
    if len(sides) != 4 or any(np.ndim(side) for side in sides):
        return None
    return sides


def first_region(signal: BaseSignal) -> tuple[float, float, float, float]:
    """A square in the middle of the image, to be moved by the user."""
    x, y = signal.axes_manager.signal_axes
    side = min(max(_SMALLEST, round(_SHARE * min(x.size, y.size))), x.size, y.size)
    sides: list[float] = []
    for axis in (x, y):
        first = (axis.size - side) // 2
        sides += [axis.offset + axis.scale * first, axis.offset + axis.scale * (first + side)]
    return short_region((x, y), sides)


def short_region(axes: tuple[Any, Any], region: Any) -> tuple[float, float, float, float]:
    """A region with no more decimals than a hundredth of a pixel needs."""
    x, y = axes
    left, right, top, bottom = (
        round(float(side), _decimals(axis.scale))
        for axis, side in zip((x, x, y, y), region, strict=True)
    )
    return left, right, top, bottom


def _decimals(scale: float) -> int:
    return max(0, math.ceil(-math.log10(_FINEST * abs(scale))))
