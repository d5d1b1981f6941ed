"""Sections on how far the result can be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.plotting.ring_correlation import resolution_words
from hyperspy_smartalign.quality.ring_correlation import CRITERIA
from hyperspy_smartalign.signals.reporting.content import (
    LEVELS,
    Block,
    Column,
    Judgement,
    Judgements,
    Paragraph,
    Row,
    Section,
    Table,
)
from hyperspy_smartalign.signals.reporting.pictures import picture
from hyperspy_smartalign.signals.reporting.subject import Subject

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.quality.quality import Quality

# Topics that would not read well in a sentence.
_IN_WORDS = {"undetermined": "what is common to all frames"}
_STAGES = {"raw": "as recorded", "rigid": "shifts only", "nonrigid": "non-rigid"}


def verdict_of(subject: Subject) -> Judgement:
    """All verdicts in one line."""
    found = () if subject.quality is None else subject.quality.verdicts
    by_level = {
        level: [verdict.topic for verdict in found if verdict.level == level] for level in LEVELS
    }
    unknown = by_level["unknown"]
    rest = f" Nothing can be said on: {_topics(unknown)}." if unknown else ""
    if by_level["bad"]:
        return Judgement(
            "Overall",
            "bad",
            "Do not rely on this result before you have looked at: "
            f"{_topics(by_level['bad'])}.{rest}",
        )
    if by_level["caution"]:
        return Judgement(
            "Overall",
            "caution",
            f"Usable, with care. Look at: {_topics(by_level['caution'])}.{rest}",
        )
    if by_level["good"]:
        return Judgement(
            "Overall", "good", f"Nothing that was measured speaks against this result.{rest}"
        )
    return Judgement("Overall", "unknown", "Nothing is known yet on how good this result is.")


def verdicts_section(subject: Subject) -> Section:
    """The verdicts and the figures behind them."""
    quality = subject.quality
    if quality is None:
        return Section("Verdicts", "verdicts", (Paragraph(subject.no_quality, kind="note"),))
    blocks: list[Block] = []
    if quality.verdicts:
        blocks.append(
            Judgements(
                tuple(
                    Judgement(_capital(verdict.topic), verdict.level, verdict.words)
                    for verdict in quality.verdicts
                )
            )
        )
    resolutions = _resolutions(quality)
    if resolutions is not None:
        blocks.append(resolutions)
    return Section("Verdicts", "verdicts", tuple(blocks))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _topics(topics: list[str]) -> str:
    return ", ".join(_IN_WORDS.get(topic, topic) for topic in topics)


def _resolutions(quality: Quality) -> Table | None:
    """Resolution of each stage by both criteria; None where there are no rings."""
    if not quality.rings:
        return None
    rows = []
    for name, ring in quality.rings.items():
        cells = [_STAGES.get(name, name)]
        cells += [
            resolution_words(ring, criterion, scale=quality.pixel, units=quality.units)  # type: ignore[arg-type]
            for criterion in CRITERIA
        ]
        rows.append(Row(tuple(cells)))
    return Table(
        (
            Column("Resolution", share=1.4),
            *(Column(f"{criterion.replace('_', '-')} criterion") for criterion in CRITERIA),
        ),
        tuple(rows),
        caption="Smallest period on which the averages of both halves of the series agree, from "
        "their Fourier ring correlation.",
    )


def information_section(subject: Subject) -> Section | None:
    """Ring correlation, information transfer and spots; None where nothing was measured."""
    quality = subject.quality
    if quality is None:
        return None
    blocks: list[Block] = []
    if quality.rings:
        blocks.append(
            picture(
                _of(quality.plot_ring_correlation),
                (6.4, 3.7),
                alt="Fourier ring correlation of the two halves of the series against frequency, "
                "at each stage, with the 1/7 and the half-bit criterion.",
                caption="Fourier ring correlation of the averages of even and odd frames. Detail "
                "is there as far as the curve stays above the criterion.",
            )
        )
    blocks.append(
        picture(
            _of(quality.plot_information),
            (9.2, 3.6),
            alt="Signal-to-noise ratio of one frame and of the average, and the transfer of "
            "information, against frequency.",
            caption="Spectral signal-to-noise ratio of one frame and of the average, and what "
            "part of the signal the average kept: transfer of 1 says that all frames lie "
            "exactly on each other.",
        )
    )
    if quality.spots is not None:
        blocks.append(
            picture(
                _of(quality.plot_spots),
                (5.4, 3.9),
                alt="Bragg spots that stand above the noise in one frame and in the average.",
                caption="Bragg spots: which stand above the noise in one frame already, and "
                "which in the average only.",
            )
        )
    return Section("Resolution and information", "information", tuple(blocks))


def precision_section(subject: Subject) -> Section | None:
    """Errors against their bounds, and the closure of the pairs."""
    quality = subject.quality
    if quality is None:
        return None
    blocks: list[Block] = []
    if quality.precision is not None:
        blocks.append(
            picture(
                _of(quality.plot_precision),
                (6.9, 3.5),
                alt="Standard errors of the shifts against the Cramér-Rao bound, and the motion "
                "that is left in the frames.",
                caption="Errors of the shifts against the least that the dose allows, and the "
                "motion that is left: more than the errors explain is instability, not dose.",
            )
        )
    if quality.closure is not None:
        blocks.append(
            picture(
                _of(quality.plot_closure),
                (6.9, 3.3),
                alt="How far the shifts of three frames, pair by pair, add up to zero.",
                caption="Closure of the pairs: shift from i to j, on to k and back to i. What "
                "is left over is the error of the pairs.",
            )
        )
    elif subject.matches is None:
        blocks.append(
            Paragraph(
                "The shifts of the pairs are not stored with this signal, so that whether they "
                "close is not known.",
                kind="note",
            )
        )
    if quality.precision is None:
        blocks.insert(
            0, Paragraph("Errors could not be set against their bounds here.", kind="note")
        )
    return Section("Precision", "precision", tuple(blocks)) if blocks else None


def messages_of(subject: Subject) -> tuple[str, ...]:
    """What was said while the quality was measured, each once."""
    messages = () if subject.quality is None else tuple(subject.quality.messages)
    return tuple(dict.fromkeys((*messages, *subject.said)))


def _of(plot: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda fig: plot(fig=fig)
