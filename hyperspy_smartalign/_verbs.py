"""The verbs: plain functions of a signal, which are also the methods of HyperSpy's signals.

This module is light. The implementation is imported at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    RigidParameters,
    TemplateParameters,
    documented,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.gui.tools.tool import Tool
    from hyperspy_smartalign.transforms.alignment import Alignment


@documented(RigidParameters)
def align_rigid(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    signal_range: Any = None,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Find the shift of every frame of an image series, and return the aligned series.

    The shifts of many pairs of frames are measured by correlation, made consistent with each
    other, and refined against the mean of the other frames. The signal itself stays as it is.

    A series of spectrum images is aligned by images of its own counts, and the shifts are then
    applied to the spectra.

    Parameters
    ----------
    {parameters}
    source : Signal2D or None, default None
        The series that the pixels of the result are taken from, while the shifts are found on
        this one: the raw series, where this one was filtered, flattened or aligned before. The
        shifts of both alignments are then added, and the pixels interpolated once. None: this
        series.
    signal_range : (start, stop), hs.roi.SpanROI or None, default None
        For spectrum images: channels whose counts are added to the images that the alignment is
        found on; int for channels, float for energies. None: all. For 4D data, the region
        (left, right, top, bottom) of the pattern that makes the image.
    {interactive}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say. A tool has a bar of its own.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the result is lazy. None does as the input is. The shifts are found at once in
        any case, from a lazy series with few of its frames in memory.

    Returns
    -------
    Signal2D
        The aligned series, float32 (integers stay what they are with "nearest"), or its average
        (float32) or sum (float64), in which excluded frames take no part. It carries its
        alignment, ``result.smartalign.alignment``, and what was measured,
        ``result.smartalign.pairs`` and ``result.smartalign.noise``. A frame's shift is the
        measured displacement of its content in pixels (y, x):
        ``aligned[p] = frame[p + shift]``. With ``interactive=True`` the tool, whose ``tool.result``
        this is as soon as it is there.

    Raises
    ------
    TypeError
        Unknown parameter; or `display` or `toolkit` without ``interactive=True``.
    ValueError
        A parameter has a value that it cannot have, the signal is not a series of images, its
        pixels cannot be used, or no area is left to align.
    NotImplementedError
        The axes are not uniform.
    ImportError
        ``interactive=True``, and no toolkit is installed; the message names what to install.

    Warns
    -----
    SeriesWarning
        Something about the frames or the shifts deserves a look, or pixels are interpolated a
        second time.
    """
    from hyperspy_smartalign.signals import interacting, rigid
    from hyperspy_smartalign.signals.spectra import aligning

    tool = interacting.tool_of(
        "align_rigid",
        signal,
        interactive=interactive,
        display=display,
        toolkit=toolkit,
        given={"source": source},
        keywords=keywords,
        options={
            "signal_range": signal_range,
            "num_workers": num_workers,
            "lazy_output": lazy_output,
        },
    )
    if tool is not None:
        return tool

    keywords |= {
        "source": source,
        "show_progressbar": show_progressbar,
        "num_workers": num_workers,
        "lazy_output": lazy_output,
    }
    aligned: BaseSignal
    if aligning.has_channels(signal, signal_range):
        aligned = aligning.align_rigid(signal, signal_range=signal_range, **keywords)
    else:
        aligned = rigid.align_rigid(signal, **keywords)
    return aligned


@documented(NonrigidParameters)
def align_nonrigid(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    signal_range: Any = None,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Find what the scan did inside each frame of an image series, and return it without that.

    Cycles fit every frame to a reference made of the others: first by an affine transform, then
    by the model of the distortions, such as an offset for each scan line. A series that was not
    aligned before goes through `align_rigid` first. The signal itself stays as it is.

    A series of spectrum images is aligned by images of its own counts, and what was found is
    then applied to the spectra.

    Parameters
    ----------
    {parameters}
    source : Signal2D or None, default None
        The raw series that an aligned series was made from. The distortions are then found on
        the raw frames, starting from the alignment of the signal, and the pixels interpolated
        once. None: the raw series where it is still in memory, else this series. With a series
        that was filtered or flattened, but not aligned: the series that the pixels of the result
        are taken from.
    signal_range : (start, stop), hs.roi.SpanROI or None, default None
        For spectrum images: channels whose counts are added to the images that the alignment is
        found on; int for channels, float for energies. None: all. For 4D data, the region
        (left, right, top, bottom) of the pattern that makes the image.
    {interactive}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say. A tool has a bar of its own.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the result is lazy. None does as the input is. The distortions are found at once
        in any case, from a lazy series with few of its frames in memory. A sum of spectra is
        computed at once, unless this is True.

    Returns
    -------
    Signal2D or Signal1D
        The aligned series, float32 (integers stay what they are with "nearest"), or its average
        (float32) or sum (float64), in which excluded frames take no part. It carries its
        alignment, ``result.smartalign.alignment``, with the displacement of every pixel in
        pixels (y, x): ``aligned[p] = frame[p + d(p)]``; and how the work went,
        ``result.smartalign.nonrigid``. With ``interactive=True`` the tool, whose ``tool.result``
        this is as soon as it is there.

    Raises
    ------
    TypeError
        Unknown parameter; or `display` or `toolkit` without ``interactive=True``.
    ValueError
        A parameter has a value that it cannot have, the signal is not a series of images, its
        pixels cannot be used, the frames do not fit on each other, or no area is left.
    NotImplementedError
        The axes are not uniform.
    ImportError
        ``interactive=True``, and no toolkit is installed; the message names what to install.

    Warns
    -----
    SeriesWarning
        Something about the frames or the distortions deserves a look, or pixels are interpolated
        a second time.

    Notes
    -----
    One line a cycle is logged by ``logging.getLogger("hyperspy_smartalign")`` at level INFO.
    """
    from hyperspy_smartalign.signals import interacting, nonrigid
    from hyperspy_smartalign.signals.spectra import aligning

    tool = interacting.tool_of(
        "align_nonrigid",
        signal,
        interactive=interactive,
        display=display,
        toolkit=toolkit,
        given={"source": source},
        keywords=keywords,
        options={
            "signal_range": signal_range,
            "num_workers": num_workers,
            "lazy_output": lazy_output,
        },
    )
    if tool is not None:
        return tool

    keywords |= {
        "source": source,
        "show_progressbar": show_progressbar,
        "num_workers": num_workers,
        "lazy_output": lazy_output,
    }
    aligned: BaseSignal
    if aligning.has_channels(signal, signal_range):
        aligned = aligning.align_nonrigid(signal, signal_range=signal_range, **keywords)
    else:
        aligned = nonrigid.align_nonrigid(signal, **keywords)
    return aligned


@documented(ApplyParameters)
def apply_alignment(
    signal: BaseSignal,
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    *,
    file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Apply an alignment that was found on another signal with the same probe path.

    Works on image series of a second detector, on series of spectrum images (frames, y, x | E),
    of EELS and EDS too, and on 4D-STEM series (frames, y, x | ky, kx), each with one
    interpolation. The signal itself stays as it is. Spectra are worked on frame by frame: what
    is held of a lazy series is a frame, and the sum. With a dask.distributed client active, its
    workers do that. Where the series has pixels of another size than the one that was aligned,
    the alignment is carried over by the calibration of the image axes.

    Where `alignment` is a stack of tiles, as `template_match` returns them and `align_nonrigid`
    aligns them, the signal is cut into the same tiles. It may then be a single image or spectrum
    image too. Each pixel is interpolated once: place and orientation of the tile, its alignment,
    and that of its frame are one displacement.

    Parameters
    ----------
    alignment : Alignment, signal or array of shape (n, 2) or (navigation shape, 2)
        The alignment, an aligned signal that carries one, or a table of shifts: the measured
        displacement (y, x) of each frame's content in pixels. Or a stack of tiles.
    {parameters}
    file : path or None, default None
        File (.hspy or .zspy) that the result is written to. It appears when it is complete.
        A series is written frame by frame, and is never in memory as a whole.
    resume : bool, default False
        Go on where an earlier call for the same file was broken off.
    overwrite : bool, default False
        Replace the file.
    {interactive}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say. A tool has a bar of its own.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the result is lazy. None does as the input is, but computes sums and averages of
        spectra at once.

    Returns
    -------
    BaseSignal
        The aligned series, of the class of the input; or its average (float32) or sum (float64
        of images; float32 of spectra, and with `counts`, `variance` or `file`; integers stay
        integers with ``counts="whole"``). A sum counts pixels
        that only some frames saw as if all had, except with `counts` "share" and "whole", which
        keep every count as it is. It carries the alignment, so that it can be applied further.
        The area is that of the alignment; the whole image, where the alignment was cropped to a
        region and `area` is "image". The live time of EDS and the exposure of EELS are those of
        the sum; spectrum images in memory get their image as ``result.navigator``.

        Of tiles: their stack from images, in the order of the tiles given and with their table of
        matches and alignment; from spectra the sum of all tiles, of the size of the motif. The
        exposure is then that of as many frames as there are tiles. Tiles count where their frame
        was seen, and excluded ones take no part in sums.

        With ``interactive=True`` the tool, whose ``tool.result`` this is as soon as it is there.

    Raises
    ------
    TypeError
        Unknown parameter; or `display` or `toolkit` without ``interactive=True``.
    ValueError
        A parameter has a value that it cannot have, the alignment was found on frames of another
        number or area, the tiles are not those of their table, the signal that is to be cut into
        tiles is aligned, or `resume` finds other work than this.
    FileExistsError
        The file exists, and `overwrite` is False.
    NotImplementedError
        The image axes are not uniform.
    ImportError
        ``interactive=True``, and no toolkit is installed; the message names what to install.

    Warns
    -----
    SeriesWarning
        Frames of the two series were chosen or turned differently, or pixels are interpolated
        a second time.

    Notes
    -----
    With ``fill="nan"``, pixels without counts are 0 where ``counts="whole"`` keeps integers.

    Counts can be shared out to tiles whose pixels are as large as those of the signal. Those that
    fall beyond a tile are not its own. Tiles that overlap hold the same counts.
    """
    from hyperspy_smartalign.signals import applying, interacting

    tool = interacting.tool_of(
        "apply_alignment",
        signal,
        interactive=interactive,
        display=display,
        toolkit=toolkit,
        given={"alignment": alignment},
        keywords=keywords,
        options={
            "file": file,
            "resume": resume,
            "overwrite": overwrite,
            "num_workers": num_workers,
            "lazy_output": lazy_output,
        },
    )
    if tool is not None:
        return tool
    aligned: BaseSignal = applying.apply_alignment(
        signal,
        alignment,
        file=file,
        resume=resume,
        overwrite=overwrite,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
        **keywords,
    )
    return aligned


@documented(TemplateParameters)
def template_match(
    signal: BaseSignal,
    template: Any = None,
    *,
    search: str = "auto",
    source: BaseSignal | None = None,
    frames: Sequence[int] | None = None,
    working_folder: str | os.PathLike[str] | None = None,
    interactive: bool = False,
    display: bool = True,
    toolkit: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal | Tool:
    """Find the repeats of a motif in an image or a series, and return them as a stack of tiles.

    The motif is compared with every place by normalised cross-correlation. The tiles found are
    averaged to a refined motif, of the same size, which searches again. Each match is then cut out
    at its sub-pixel position, by one interpolation. The signal itself stays as it is.

    Parameters
    ----------
    template : RectangularROI, (left, right, top, bottom), Signal2D or 2-D array
        The motif. A region of the signal, each side an int (index) or a float (value on the axis):
        of the first frame that takes part, or of the average where the series is aligned. Or
        another image, whose pixel size must be that of the signal within 1 %. Or an array, whose
        pixel size is not checked. NaN marks pixels that say nothing. With ``interactive=True`` it
        can be left out, to be drawn on the plot.
    {parameters}
    search : {"auto", "frames", "average"}, default "auto"
        For series: "frames" searches each frame. "average" searches the average of the aligned
        series, and carries the matches back to every frame. "auto" takes the average of a series
        that carries an alignment, and else the frames.
    source : Signal2D or None, default None
        Frames that the tiles are cut out of. For an aligned series or its average: the raw series,
        of this detector or another, so that the pixels are interpolated once. For others: a
        signal of the same scan, such as that of a second detector. None: the raw series where
        an aligned series still knows it, else this signal.
    frames : sequence of int or None, default None
        Numbers of the frames that take part, counted from 0 in C order over the navigation axes.
        Where the average is searched, it is that of the whole series, and tiles are cut out of
        these frames. None: all.
    working_folder : path or None, default None
        Folder for what has been found so far: one that does not exist, is empty, or was used so
        before. A search that was broken off goes on from there with the same call; with other
        frames or parameters, what still fits is used. `hyperspy_smartalign.intermediates` lists
        what is there, `hyperspy_smartalign.clean_up` removes it.
    {interactive}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say. A tool has a bar of its own.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the tiles are lazy: cut anew, frame by frame, whenever they are asked for, so that
        they need not fit into memory. None and False: in memory, also those of a lazy signal,
        which are found with few of its frames in memory.

    Returns
    -------
    Signal2D
        The tiles, (tile | x, y), float32, frame by frame. The image axes have the
        scale of the signal divided by `upsample`, and are 0 at the first pixel of a tile. NaN marks
        what a frame did not see. The table of matches is ``result.smartalign.matches``, their
        average ``result.smartalign.average()``. With ``interactive=True`` the tool, whose
        ``tool.result`` this is as soon as it is there.

    Raises
    ------
    TypeError
        Unknown parameter, the template is missing or nothing of the above, or the pixels are not
        real; or `display` or `toolkit` without ``interactive=True``.
    ValueError
        A parameter has a value that it cannot have, the signal holds no images, the template has
        no contrast, is larger than the image or has other pixels, the source does not fit, the
        working folder holds other files, or nothing is like the motif.
    OSError
        The working folder cannot be written into, or another process works in it.
    NotImplementedError
        The axes are not uniform.
    ImportError
        ``interactive=True``, and no toolkit is installed; the message names what to install.

    Warns
    -----
    SeriesWarning
        The pixel size of the template cannot be checked, pixels are interpolated a second time,
        or an intermediate result was damaged and was computed again.

    Notes
    -----
    Frames that the alignment excluded take no part. The number of matches is logged by
    ``logging.getLogger("hyperspy_smartalign")`` at level INFO.
    """
    from hyperspy_smartalign.signals import interacting
    from hyperspy_smartalign.signals.motif import finding

    tool = interacting.tool_of(
        "template_match",
        signal,
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
    )
    if tool is not None:
        return tool
    if template is None:
        raise TypeError(interacting.NO_TEMPLATE)
    tiles: BaseSignal = finding.template_match(
        signal,
        template,
        search=search,
        source=source,
        frames=frames,
        working_folder=working_folder,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
        **keywords,
    )
    return tiles
