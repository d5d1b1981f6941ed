"""Sections on how frames and scan lines moved."""

from __future__ import annotations

import math

import numpy as np

from hyperspy_smartalign import plotting
from hyperspy_smartalign.plotting.drift import DriftPath, rate_words
from hyperspy_smartalign.quality.verdicts import DOUBTFUL
from hyperspy_smartalign.signals import instability as instabilities
from hyperspy_smartalign.signals import picturing, picturing_nonrigid
from hyperspy_smartalign.signals.reporting.content import Block, Facts, Paragraph, Picture, Section
from hyperspy_smartalign.signals.reporting.pictures import picture
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import count, length, number, numbered
from hyperspy_smartalign.transforms import Alignment, ScanLine

_MODELS = {
    "affine": "affine",
    "scan_locked": "scan lines",
    "row_fitting": "scan lines that turn and stretch",
    "free": "free displacement",
}
# Of how many frames, at most, the most distorted is looked for.
_LOOKED_AT = 40
# Expected frames on a wrong unit cell below this are none.
_FEWEST = 0.001
# Displacements below this are rounding errors, px rms.
_NO_DISTORTION = 1e-6


def shifts_section(subject: Subject) -> Section | None:
    """Shift matrices and drift."""
    alignment = subject.alignment
    if alignment is None:
        return None
    thing = subject.frame
    blocks: list[Block] = [Facts(tuple(_figures(subject, alignment)))]
    if len(subject.used) > 1:
        blocks.append(_matrices(subject))
        if thing == "frame":
            blocks.append(
                picture(
                    lambda fig: picturing.plot_drift(subject.signal, fig=fig),
                    (8.2, 3.9),
                    alt="The path of the drift, and its components y and x with error bars.",
                    caption="Drift of the content of the frames; bars are standard errors.",
                )
            )
    title = "Shifts and drift" if thing == "frame" else "Shifts of the tiles"
    return Section(title, "shifts", tuple(blocks))


def _matrices(subject: Subject) -> Picture:
    measured = subject.pairs is not None
    return picture(
        lambda fig: picturing.plot_shifts(subject.signal, fig=fig),
        (9.6, 5.6) if measured else (7.0, 3.2),
        alt="Matrices of the shifts along y and x between all pairs of frames"
        + (", as measured and as solved, with similarity and accepted pairs." if measured else "."),
        caption="Row i, column j: shift of frame i minus that of frame j. "
        + (
            "Where the solution agrees with what the pairs said, upper and lower matrices look "
            "alike; crosses are pairs that were rejected."
            if measured
            else "The pairs that were measured are not stored with this signal."
        ),
    )


def _figures(subject: Subject, alignment: Alignment) -> list[tuple[str, str]]:
    thing = subject.frame
    used = ~alignment.excluded
    shifts = alignment.shifts[used]
    rows = []
    for axis, name in enumerate("yx"):
        low, high = (shifts[:, axis].min(), shifts[:, axis].max()) if len(shifts) else (0, 0)
        rows.append(
            (
                f"Range along {name}",
                f"{number(low)} to {number(high)} px, over {length(high - low, alignment, axis)}",
            )
        )
    if thing == "frame":
        path = DriftPath.of(alignment)
        rates = [f"{name} {words}" for k, name in enumerate("yx") if (words := rate_words(path, k))]
        if rates:
            rows.append(("Mean drift", ", ".join(rates)))
    if alignment.precision is not None and np.isfinite(alignment.precision[used]).any():
        y, x = np.nanmedian(alignment.precision[used], axis=0)
        rows.append(
            (
                "Standard error",
                f"y {length(y, alignment, 0)}, x {length(x, alignment, 1)}, median of the {thing}s",
            )
        )
    else:
        rows.append(("Standard error", "not known"))
    if thing == "frame":
        rows.append(("Wrong unit cell", _hops(subject)))
    return rows


def _hops(subject: Subject) -> str:
    hops = subject.hop_probability
    if hops is None:
        return "not known"
    expected = float(np.nansum(hops))
    doubtful = np.flatnonzero(np.nan_to_num(hops) > DOUBTFUL).tolist()
    amount = number(expected, 2) if expected >= _FEWEST else f"fewer than {_FEWEST}"
    text = f"{amount} frames to be expected there"
    if not doubtful:
        return f"{text}; no frame is in doubt"
    return f"{text}; in doubt: {numbered(doubtful)}"


def distortion_section(subject: Subject) -> Section | None:
    """Offsets of scan lines or displacements within the frames, and how the fit went."""
    alignment, record = subject.alignment, subject.nonrigid
    if alignment is None:
        return None
    thing = subject.frame
    if alignment.is_rigid and record is None:
        text = (
            f"Every {thing} was only shifted: distortions within {thing}s were neither looked for "
            "nor corrected. align_nonrigid() does both."
        )
        return Section(f"Distortions within the {thing}s", "distortion", (Paragraph(text),))
    blocks: list[Block] = []
    if record is not None:
        blocks.append(Facts(tuple(_course(subject))))
    lines = any(isinstance(alignment.transforms[frame], ScanLine) for frame in subject.used)
    if lines:
        blocks.append(_row_offsets(subject, alignment))
        blocks += _instability(subject)
    else:
        blocks += _displacement(subject, alignment)
    if record is not None and record.cycles:
        blocks.append(
            picture(
                lambda fig: picturing_nonrigid.plot_convergence(subject.signal, fig=fig),
                (8.2, 3.4),
                alt="Mean shift of every iteration, and gain of every cycle on held-out data.",
                caption="How the fit went: how far each iteration moved the pixels, and by how "
                "much each cycle made data that it had not seen fit better.",
            )
        )
        blocks.append(
            picture(
                lambda fig: picturing_nonrigid.plot_similarity(subject.signal, fig=fig),
                (6.0, 2.8),
                alt="Correlation of each frame with the mean of the others, before and after.",
                caption="Similarity of each frame to the mean of the others; noise keeps it "
                "below 1 also where all is well.",
            )
        )
    return Section(f"Distortions within the {thing}s", "distortion", tuple(blocks))


def _course(subject: Subject) -> list[tuple[str, str]]:
    record = subject.nonrigid
    assert record is not None
    kept = [cycle for cycle in record.cycles if cycle.kept]
    models = ", ".join(_MODELS.get(cycle.model, cycle.model) for cycle in kept) or "none"
    dropped = len(record.cycles) - len(kept)
    rows = [
        (
            "Cycles",
            f"{len(kept)} kept ({models})"
            + (f"; {dropped} dropped, as held-out data fitted worse" if dropped else ""),
        )
    ]
    gains = [cycle for cycle in kept if np.isfinite(cycle.gain)]
    if gains:
        last = gains[-1]
        model = _MODELS.get(last.model, last.model)
        rows.append(
            (
                "Gain on held-out data",
                f"{number(last.gain)} in log-likelihood a {subject.frame}, by {model}",
            )
        )
    if record.prior is not None:
        slow, fast = record.prior.rms
        reach = number(float(np.mean(record.prior.length)), 2)
        rows.append(
            (
                "Motion that was found",
                f"{number(slow)} px rms along the slow and {number(fast)} px along the fast "
                f"direction, correlated over {reach} lines"
                if record.line_errors is not None
                else f"y {number(slow)}, x {number(fast)} px rms, correlated over {reach} px",
            )
        )
    if kept and record.line_errors is not None and np.isfinite(record.line_errors).any():
        y, x = np.sqrt(np.nanmean(np.square(record.line_errors, dtype=np.float64), axis=(0, 1)))
        rows.append(("Standard error of a line", f"y {number(y)}, x {number(x)} px rms"))
    if record.cancelled:
        rows.append(("Stopped", "the work was cancelled; this is the best result until then"))
    return rows


def _row_offsets(subject: Subject, alignment: Alignment) -> Picture:
    record = subject.nonrigid
    many = len(subject.used) > 24
    frames = subject.used[:: max(1, len(subject.used) // 12)].tolist() if many else None
    return picture(
        lambda fig: plotting.plot_row_offsets(
            alignment,
            line_errors=None if record is None else record.line_errors,
            prior=None if record is None else record.prior,
            frames=frames,
            fig=fig,
        ),
        (8.2, 4.6),
        alt="Offsets of the scan lines along y and x against time, with their errors.",
        caption="Offsets of the scan lines about the mean shift of their frame, in the order in "
        "which they were scanned" + (f"; {numbered(frames)}." if frames else "."),
    )


def _instability(subject: Subject) -> list[Block]:
    try:
        found = instabilities.instability(subject.signal)
    except ValueError as error:
        return [Paragraph(f"No instability spectrum: {error}", kind="note")]
    spectrum = found.spectrum
    rms = ", ".join(
        f"{name} {number(value)} {spectrum.units}"
        for name, value in zip(spectrum.components, spectrum.rms(), strict=True)
    )
    tones = "; ".join(
        f"{number(tone.frequency, 4)} Hz along {tone.component}, {number(tone.rms)} "
        f"{spectrum.units} rms" + ("" if tone.mains is None else f" ({tone.mains.name})")
        for tone in spectrum.tones
    )
    blocks: list[Block] = [
        picture(
            lambda fig: found.plot(fig=fig),
            (7.2, 4.8),
            alt="Power spectral density of the motion along y and x against frequency.",
            caption=f"Instability spectrum of the microscope: {rms} rms in all. "
            + (f"Tones that stand out: {tones}." if tones else "No tone stands out."),
        )
    ]
    blocks += [Paragraph(message, kind="note") for message in spectrum.messages]
    return blocks


def _displacement(subject: Subject, alignment: Alignment) -> list[Block]:
    spreads = {
        int(frame): float(alignment.displacement_field(int(frame)).std(axis=(1, 2)).max())
        for frame in subject.used[:: math.ceil(len(subject.used) / _LOOKED_AT) or 1]
    }
    if max(spreads.values(), default=0.0) < _NO_DISTORTION:
        return [Paragraph("Nothing but a shift was found for any frame, and corrected.")]
    frame = max(spreads, key=spreads.__getitem__)
    return [
        picture(
            lambda fig: plotting.plot_displacement(
                alignment, frame, image=subject.average, fig=fig
            ),
            (9.6, 3.1),
            alt=f"Maps of the displacement of frame {frame} along y and x, and arrows.",
            caption=f"Displacement within {subject.frame} {frame}, the most distorted of "
            f"{count(len(spreads), subject.frame)}.",
        )
    ]
