"""Functions of the package that are no methods of signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.parameters import TemplateParameters, documented

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.gui.tools.tool import Tool
    from hyperspy_smartalign.transforms.alignment import Alignment

    Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def apply_alignment(
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    target: BaseSignal | Sequence[BaseSignal] | Files,
    *,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Apply an alignment to a signal, or to files that are read one at a time.

    Parameters
    ----------
    alignment : Alignment, signal or array of shape (n, 2) or (navigation shape, 2)
        The alignment, an aligned signal that carries one, or a table of shifts: the measured
        displacement (y, x) of each frame's content in pixels. Or a stack of tiles of a motif, into
        which the target is cut.
    target : signal, file, pattern, folder, or list of files or signals
        What it is applied to: the series, or its frames in natural order, each a file or a
        signal. Files are opened as they are needed.
    signal : str or int or None, default None
        Which signal to take where files hold several: its name, or its place from 0. None takes
        the only one that holds spectra, else the only one there is.
    reader : mapping or None, default None
        Options of HyperSpy's reader, such as ``{"sum_frames": False}``.
    interactive, display, toolkit
        As of the method. A tool is for a signal: load files before, with
        `hyperspy_smartalign.load_series`.
    **keywords
        As those of the method: `area`, `crop`, `fill`, `interpolation`, `counts`, `output`,
        `variance`, `signal_range`, `binning`, `file`, `resume`, `overwrite`,
        `show_progressbar`, `num_workers`, `lazy_output`.

    Returns
    -------
    BaseSignal
        As ``target.apply_alignment(alignment, ...)``, which see; or the tool.

    Raises
    ------
    TypeError
        Unknown keyword, or alignment and target in the wrong order.
    ValueError
        Files hold several signals and it is not clear which is meant, and as the method.
    """
    from hyperspy_smartalign.signals import interacting, targets

    if interactive:
        # A tool has a bar of its own.
        keywords.pop("show_progressbar", None)
    tool = interacting.tool_of(
        "apply_alignment",
        target,
        interactive=interactive,
        display=display,
        toolkit=toolkit,
        given={"alignment": alignment},
        keywords=keywords,
        unused={"signal": signal, "reader": reader},
    )
    if tool is not None:
        return tool
    result: BaseSignal = targets.apply_alignment(
        alignment, target, signal=signal, reader=reader, **keywords
    )
    return result


def rerun(
    target: BaseSignal | str | os.PathLike[str],
    *,
    source: BaseSignal | Files | Sequence[BaseSignal] | None = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
) -> BaseSignal:
    """Repeat the work that made a signal on the raw series, and compare the pixels.

    The signal records the files that it was made of, and every step with all its parameters.

    Parameters
    ----------
    target : path or signal
        What one of the methods of this package made: an aligned series, an average, tiles, a sum
        of spectra. A file is .hspy or .zspy.
    source : path, folder, signal, or sequence of these, or None, default None
        The raw data. None: the files are looked for where they were, at the same place as seen
        from the file of the result, where a folder was moved as a whole, and beside that file.
        Needed where they are elsewhere, and for work that began with arrays in memory. A signal
        is taken wherever it has the recorded pixels.
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say.
    num_workers : int or None, default None
        Number of threads. None uses all cores.

    Returns
    -------
    BaseSignal
        What the work made this time, sliced and calibrated as the target is.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Raw data are missing or have changed; the target does not record how it was made, or the
        record is corrupt or of a newer version; a step cannot be repeated, or something that is
        not recorded was done between two steps.

    Warns
    -----
    SeriesWarning
        The pixels are others, by more than rounding. What the steps themselves say is said again.

    Notes
    -----
    Whether the pixels are the same is logged by ``logging.getLogger("hyperspy_smartalign")`` at
    level INFO. Differences up to a thousandth of the noise of a pixel count as rounding.

    Examples
    --------
    >>> again = hyperspy_smartalign.rerun("area3_aligned.hspy")  # doctest: +SKIP
    """
    from hyperspy_smartalign.signals.provenance import rerunning

    return rerunning.rerun(
        target, source=source, show_progressbar=show_progressbar, num_workers=num_workers
    )


@documented(TemplateParameters)
def template_match(
    target: BaseSignal | Sequence[BaseSignal] | Files,
    template: Any = None,
    *,
    search: str = "auto",
    source: BaseSignal | None = None,
    frames: Sequence[int] | None = None,
    working_folder: str | os.PathLike[str] | None = None,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Find the repeats of a motif in a signal, or in files that are read one at a time.

    The same as the method of a signal, ``signal.template_match(template, ...)``, which see for
    the motif, the search and the result.

    Parameters
    ----------
    target : signal, file, pattern, folder, or list of files or signals
        What is searched: an image or a series, or its frames in natural order (2 before 10), each
        a file or a signal. Files are opened as they are needed, ``"folder/Name_*.dm4"``.
    template : RectangularROI, (left, right, top, bottom), Signal2D or 2-D array
        The motif. A region lies in the first of the frames that take part.
    {parameters}
    search : {"auto", "frames", "average"}, default "auto"
        As of the method.
    source : Signal2D or None, default None
        As of the method.
    frames : sequence of int or None, default None
        Numbers of the frames that take part, counted from 0: where each is a file of its own,
        those of the files, and only these are opened. In the table of matches they keep these
        numbers. None: all.
    working_folder : path or None, default None
        Folder for what has been found so far: one that does not exist, is empty, or was used so
        before. A search that was broken off goes on from there with the same call; with other
        files or parameters, what still fits is used. `hyperspy_smartalign.intermediates` lists
        what is there, `hyperspy_smartalign.clean_up` removes it.
    signal : str or int or None, default None
        Which signal to take where files hold several: its name, or its place from 0. None takes
        the only one that holds images.
    reader : mapping or None, default None
        Options of HyperSpy's reader.
    interactive, display, toolkit
        As of the method. A tool is for a signal: load files before, with
        `hyperspy_smartalign.load_series`.
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the tiles are lazy. None and False: in memory.

    Returns
    -------
    Signal2D
        The tiles, (tile | x, y), as of the method; or the tool.

    Raises
    ------
    FileNotFoundError
        A file or folder does not exist.
    TypeError, ValueError, NotImplementedError
        As the method.

    Warns
    -----
    SeriesWarning
        As the method.

    Examples
    --------
    >>> tiles = hyperspy_smartalign.template_match(
    ...     "session/Area3_*.dm4", (40, 72, 96, 128), working_folder="session/working"
    ... )  # doctest: +SKIP
    """
    from hyperspy_smartalign.signals import interacting
    from hyperspy_smartalign.signals.motif import batches

    tool = interacting.tool_of(
        "template_match",
        target,
        interactive=interactive,
        display=display,
        toolkit=toolkit,
        given={"template": template, "source": source},
        keywords=keywords,
        options={
            "search": search,
            "frames": frames,
            "working_folder": working_folder,
            "num_workers": num_workers,
            "lazy_output": lazy_output,
        },
        unused={"signal": signal, "reader": reader},
    )
    if tool is not None:
        return tool
    if template is None:
        raise TypeError(interacting.NO_TEMPLATE)
    tiles: BaseSignal = batches.template_match(
        target,
        template,
        search=search,
        source=source,
        frames=frames,
        working_folder=working_folder,
        signal=signal,
        reader=reader,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
        **keywords,
    )
    return tiles
