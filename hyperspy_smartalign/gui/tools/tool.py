"""What all tools have in common: values, work, messages and the line of Python."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import traits.api as t
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui import calls, settings
from hyperspy_smartalign.gui.mailbox import Mailbox
from hyperspy_smartalign.gui.pictures.picture import Picture
from hyperspy_smartalign.gui.plotted import PlottedSignal
from hyperspy_smartalign.gui.regions import RegionPicker
from hyperspy_smartalign.gui.toolkits import chosen_toolkits
from hyperspy_smartalign.gui.working import Latest, Outcome, Work
from hyperspy_smartalign.parameters import ParameterError, Parameters

_logger = logging.getLogger("hyperspy_smartalign")

#: Toolkit -> module with a function for each verb that shows its tool, or returns the widgets.
VIEWS = {
    "ipywidgets": "hyperspy_smartalign.gui.notebook.views",
    "traitsui": "hyperspy_smartalign.gui.desktop.views",
}


class Tool(t.HasTraits):
    """A verb with a dialogue: its parameters, its work, and what came of it.

    A tool knows no toolkit. Views (`gui.notebook`, `gui.desktop`) link its traits to widgets, and
    call its methods; all in the thread of the user interface.

    Parameters
    ----------
    signal : BaseSignal
        What the verb is a method of. It is never changed.
    given : mapping
        Arguments of the verb that the dialogue does not edit, such as signals, by name.
    keywords : mapping
        Values to begin with; they win over the last used ones.

    Attributes
    ----------
    result : BaseSignal or None
        What the verb returned, as soon as it is there.
    parameters, options : Parameters
        Values of the form; ``tool.parameters.exponent = 0.5`` changes one.
    frame : int
        The frame that the pictures show.
    state : str
        "ready", "working", "asking" (whether to cancel), "cancelling" or "closed".
    message : str
        What the user should read.
    code : str
        The equivalent line of Python.
    """

    #: Name of the verb, as a method of the signal.
    method: ClassVar[str]
    #: What stands above the form, on the button that starts the work, and before the result.
    heading: ClassVar[str]
    apply_label: ClassVar[str] = "Apply"
    result_name: ClassVar[str] = "aligned"
    #: What stands on the button that takes the region away.
    no_region_label: ClassVar[str] = "Whole frame"
    #: Classes of the parameters of the verb, and of its further arguments.
    parameters_class: ClassVar[type[Parameters]]
    options_class: ClassVar[type[Parameters]]
    #: Names of the arguments of `given` that stand first, without their names.
    positional: ClassVar[tuple[str, ...]] = ()

    signal = t.Any()
    parameters = t.Instance(Parameters, allow_none=False)
    options = t.Instance(Parameters, allow_none=False)
    given = t.Dict(t.Str, t.Any)

    #: What is going on. "asking": cancel was asked for, and waits to be confirmed.
    state = t.Enum("ready", "working", "asking", "cancelling", "closed")
    #: Whether the work runs, in any of these states.
    busy = t.Property(t.Bool, observe="state")
    stage = t.Str()
    done = t.Int()
    total = t.Int()

    #: What the user should read, and how it is meant.
    message = t.Str()
    message_kind = t.Enum("info", "warning", "error")

    #: Why the values clash; empty if they do not.
    problem = t.Str()
    #: Parameter -> why nothing would use it now; these are greyed out.
    idle = t.Dict(t.Str, t.Str)
    #: The equivalent line of Python.
    code = t.Str()

    #: Frame that the pictures show, and their number; as the plot of the signal.
    frame = t.Int()
    n_frames = t.Int(1)
    #: Whether the region of interest can be drawn on the plot now.
    drawing_region = t.Bool(False)

    pictures = t.List(t.Instance(Picture, allow_none=False))

    result = t.Any()
    plot_result = t.Bool(
        True, label="Plot the result", desc="Plot the result as soon as it is there."
    )

    def __init__(
        self,
        signal: BaseSignal,
        given: Mapping[str, Any] | None = None,
        keywords: Mapping[str, Any] | None = None,
    ) -> None:
        own = dict(keywords or {})
        options_class = self.options_for(signal, own)
        options = {name: own.pop(name) for name in options_class.names() if name in own}
        # A wrong name, value or signal is an error before anything is opened.
        self.parameters_class(**own)
        self.check_signal(signal, dict(given or {}), options)
        last = settings.last_used(self.method, self.parameters_class)
        try:
            parameters = self.parameters_class(**{**last, **own})
        except ParameterError:
            parameters = self.parameters_class(**own)
        super().__init__(
            signal=signal,
            given=dict(given or {}),
            parameters=parameters,
            options=options_class(**options),
        )
        #: The widgets, once shown: what `gui(display=False)` returned, by toolkit.
        self.views: dict[str, Any] = {}
        self.mailbox = Mailbox()
        self.plotted = PlottedSignal(signal, patterns=self.holds_patterns())
        self.previews = Latest(self.mailbox)
        #: For what takes long, so that previews do not wait for it.
        self.slow_previews = Latest(self.mailbox)
        self._work: Work | None = None
        #: Whether the tool closes when the work is cancelled.
        self._closes = False
        self._region: RegionPicker | None = None
        self._closing: list[Callable[[], None]] = []
        self.n_frames, self.frame = self.plotted.n_frames, self.plotted.frame
        self._connect()
        self._revise()

    # What subclasses say.

    @classmethod
    def options_for(cls, signal: BaseSignal, keywords: Mapping[str, Any]) -> type[Parameters]:
        """Class of the further arguments for this signal, and for what was given."""
        return cls.options_class

    @classmethod
    def check_signal(
        cls, signal: BaseSignal, given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Raise what the verb would raise for any values, before a dialogue is opened."""

    def check_values(self, parameters: Any) -> None:
        """Raise ValueError or TypeError if the signal cannot have these values; be quick."""

    def holds_patterns(self) -> bool:
        """Whether a Signal2D holds diffraction patterns, and its navigation axes are x and y."""
        return False

    def work(self) -> Callable[[], Any]:
        """The work of `apply`: a function without arguments, called in another thread.

        Everything that the user may change meanwhile is read here, not later.
        """
        from hyperspy_smartalign import _verbs

        verb, signal = getattr(_verbs, self.method), self.signal
        given, keywords = dict(self.given), self.keywords()
        leading = [given.pop(name) for name in self.positional]
        return lambda: verb(signal, *leading, **{**given, **keywords})

    def show_found(self, event: object) -> None:
        """Draw what was found before the end."""

    def show_result(self, result: Any) -> None:
        """Draw what the result says; it is plotted already."""

    def show_preview(self) -> None:
        """Draw what the frame and the parameters lead to; called when one of them changed."""

    def is_idle(self) -> dict[str, str]:
        """Parameters and options that nothing would use now, and why."""
        return self.parameters.idle()

    def code_line(self) -> str:
        """The equivalent line of Python."""
        return calls.call_line(
            self.signal,
            self.method,
            leading=[self.given[name] for name in self.positional],
            keywords={
                **{k: v for k, v in self.given.items() if k not in self.positional},
                **self.keywords(),
            },
            result=self.result_name,
        )

    def used_parameters(self) -> Any:
        """The parameters without those that nothing would use; ParameterError if they clash."""
        used = {k: v for k, v in self.parameters.changed().items() if k not in self.idle}
        return self.parameters_class(**used)

    # What views call.

    def keywords(self) -> dict[str, Any]:
        """The values that differ from the defaults, and that something uses."""
        changed = {**self.parameters.changed(), **self.options.changed()}
        return {name: value for name, value in changed.items() if name not in self.idle}

    def apply(self) -> None:
        """Begin the work. It goes on in the background; `result` is set when it ends."""
        if self.busy or self.state == "closed":
            return
        if self.problem:
            self.say(self.problem, "error")
            return
        try:
            function = self.work()
        except Exception as error:
            self.say(in_words(error), "error")
            return
        self.start(function, self._applied)

    def start(self, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run a function in the background, and hand what it returns to `then`."""
        self.message, self.stage, self.done, self.total = "", "starting", 0, 0
        self.state = "working"
        self._begun = time.monotonic()
        self._work = Work(
            function,
            self.mailbox,
            progressed=self._progressed,
            found=self._found,
            ended=lambda outcome: self._ended(outcome, then),
        )
        self._work.start()

    def cancel(self) -> None:
        """Ask whether the work should be cancelled; a second call confirms it."""
        if self.state == "working":
            self.state = "asking"
        elif self.state == "asking" and self._work is not None:
            self.state = "cancelling"
            self._work.cancel()
            if self._closes:
                self.close()

    def go_on(self) -> None:
        """Take the question back whether to cancel."""
        self._closes = False
        if self.state == "asking":
            self.state = "working"

    def wait(self, timeout: float = 600.0) -> bool:
        """Wait for the work and the previews, and deliver what they tell; whether all ended.

        For scripts and tests: in a notebook or window everything comes by itself.
        """
        ended = True
        if self._work is not None:
            ended = self._work.join(timeout)
        # What is delivered may ask for more.
        self.mailbox.deliver()
        for previews in (self.previews, self.slow_previews):
            ended = previews.join(timeout) and ended
        self.mailbox.deliver()
        return ended

    def restore_defaults(self) -> None:
        """Set every parameter and option to its default."""
        for values in (self.parameters, self.options):
            fresh = type(values)()
            # At once, as values on the way may clash.
            values.trait_set(**fresh.keywords())
        self._revise()

    def forget_settings(self) -> None:
        """Forget the last used values of this tool, also those on disk."""
        if settings.forget(self.method):
            self.say("The last used settings of this tool were forgotten.", "info")
        else:
            self.say(
                "The last used settings could not be forgotten, as their file cannot be written: "
                f"{settings.settings_file()}",
                "warning",
            )

    def draw_region(self) -> None:
        """Let the user draw the region of interest on the plot of the signal."""
        if self.state == "closed":
            return
        if self._region is None:
            self._region = RegionPicker(self.plotted, self._region_moved, self._region_gone)
        self._region.show(self.region())
        self.drawing_region = True

    def clear_region(self) -> None:
        """Take the region of interest away."""
        self.set_region(None)
        if self._region is not None:
            self._region.hide()
        self.drawing_region = False

    def region(self) -> Any:
        """The region of interest, (left, right, top, bottom) or None."""
        return getattr(self.parameters, "roi", None)

    def set_region(self, region: Any) -> None:
        """Take a region of interest over; None is the whole frame."""
        self.parameters.trait_set(roi=region)

    def say(self, message: str, kind: str = "info") -> None:
        """Show a message."""
        self.trait_set(message_kind=kind, message=message)

    def close(self) -> None:
        """Let go of the signal and its plot. While work runs, this asks first, as `cancel`."""
        if self.state == "closed":
            return
        if self.busy:
            self._closes = True
            self.cancel()
            if self.state != "cancelling" or self._work is None:
                return
        self.state = "closed"
        self.previews.close()
        self.slow_previews.close()
        if self._region is not None:
            self._region.close()
        for undo in self._closing:
            undo()
        self._closing.clear()
        self.plotted.close()

    def on_close(self, undo: Callable[[], None]) -> None:
        """Have something undone when the tool closes."""
        self._closing.append(undo)

    def gui(self, display: bool = True, toolkit: Any = None) -> dict[str, Any] | None:
        """Show the tool, or return its widgets.

        Parameters
        ----------
        display : bool
            Show it; otherwise return the widgets, for tests and other arrangements.
        toolkit : str, iterable of str or None
            "ipywidgets", "traitsui"; None chooses.

        Returns
        -------
        dict or None
            Toolkit -> what its view returned, where `display` is False.

        Raises
        ------
        NoToolkitError
            No toolkit is installed.
        """
        function = self.method.rpartition(".")[2]
        shown = {}
        for name in chosen_toolkits(toolkit):
            view = getattr(importlib.import_module(VIEWS[name]), function)
            shown[name] = view(obj=self, display=display)
        if display:
            return None
        self.views = shown
        return shown

    def __repr__(self) -> str:
        what = "no result yet" if self.result is None else f"result: {self.result!r}"
        return f"<{type(self).__name__}: {self.state}, {what}>"

    # How it holds together.

    def _get_busy(self) -> bool:
        return self.state in ("working", "asking", "cancelling")

    def _connect(self) -> None:
        self.plotted.moved(self._plot_moved)
        self.observe(self._frame_chosen, "frame")
        for values in (self.parameters, self.options):
            values.observe(self._value_changed, list(values.names()))
        # Made now, as pictures that are made later are not observed.
        self.trait_get("pictures")
        self.observe(self._picture_seen, "pictures:items:seen")

    def _plot_moved(self, frame: int) -> None:
        self.frame = frame

    def _frame_chosen(self, event: Any) -> None:
        if self.state != "closed":
            self.plotted.show_frame(self.frame)
            self.show_preview()

    def _picture_seen(self, event: Any) -> None:
        if self.state != "closed":
            self.show_preview()

    def _value_changed(self, event: Any) -> None:
        if self.state == "closed":
            return
        self._revise()
        if event.name == "roi" and self.drawing_region:
            self._draw_typed_region()
        self.show_preview()

    def _draw_typed_region(self) -> None:
        """Move the rectangle to where the region was set to, if it was not dragged there."""
        gone = self.region() is None or not self.plotted.is_open
        if self._region is not None and gone:
            self._region.hide()
            self.drawing_region = False
        elif self._region is not None and not self.problem:
            self._region.show(self.region())

    def _revise(self) -> None:
        """Bring what follows from the values up to date."""
        before = self.problem
        self.idle = self.is_idle()
        try:
            self.check_values(self.used_parameters())
            self.problem = ""
        except (ValueError, TypeError) as error:
            self.problem = in_words(error)
        if before and self.message == before != self.problem:
            self.message = ""
        self.code = self.code_line()

    def _region_moved(self, region: tuple[float, float, float, float]) -> None:
        self.set_region(region)

    def _region_gone(self) -> None:
        """The plot was closed; the region stays, and can be drawn anew."""
        self.drawing_region = False

    def _progressed(self, stage: str, done: int, total: int) -> None:
        self.trait_set(stage=stage, total=total, done=done)

    def _found(self, event: object) -> None:
        if self.state == "closed":
            return
        try:
            self.show_found(event)
        except Exception:
            # The work goes on, whatever becomes of a picture of it.
            _logger.warning("A picture of the work could not be drawn.", exc_info=True)

    def _ended(self, outcome: Outcome, then: Callable[[Any], None]) -> None:
        self._work, self._closes = None, False
        if self.state == "closed":
            return
        self.state = "ready"
        self.trait_set(stage="", done=0, total=0)
        if outcome.error is not None:
            self.say(in_words(outcome.error), "error")
        elif outcome.value is None and outcome.cancelled:
            self.say("Cancelled. Nothing was changed.", "info")
        else:
            warnings = "\n".join(outcome.warnings)
            took = time.monotonic() - self._begun
            self.say(warnings, "warning")
            then(outcome.value)
            # Unless something that matters more was said meanwhile.
            if self.message == warnings:
                words = f"Done in {_duration(took)}."
                self.say("\n".join([*outcome.warnings, words]), "warning" if warnings else "info")

    def _applied(self, result: Any) -> None:
        self.result = result
        settings.keep(self.method, self.parameters)
        if self.plot_result:
            try:
                self._plot(result)
            except Exception as error:
                self.say(f"The result is there, but was not plotted: {in_words(error)}", "warning")
        try:
            self.show_result(result)
        except Exception as error:
            self.say(f"The result is there, but was not drawn: {in_words(error)}", "warning")
            _logger.debug("A picture of the result could not be drawn.", exc_info=True)

    def _plot(self, result: BaseSignal) -> None:
        if not result._lazy:
            result.plot()
        elif len(result.axes_manager.signal_axes) == 2:
            # HyperSpy's navigator would be computed from all frames, while everything waits.
            result.plot(navigator=None)
        else:
            words = "The result is lazy: plotting computes it, so that this is left to you."
            self.say("\n".join(filter(None, (self.message, words))), self.message_kind)


def in_words(error: BaseException) -> str:
    """An error for people: what we wrote as it is, others with their type."""
    text = str(error).strip() or type(error).__name__
    own = isinstance(error, (ValueError, TypeError, NotImplementedError, OSError))
    return text if own else f"{type(error).__name__}: {text}"


def _duration(seconds: float) -> str:
    """A time in words."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
