"""Options of ``smartalign motif``, and the files that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from hyperspy_smartalign.cli.options import SectionOption, option
from hyperspy_smartalign.cli.reading import reader_option
from hyperspy_smartalign.cli.results import out_option, working_options
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    Parameters,
    ParameterSpec,
)

NONRIGID = "nonrigid_"
"""Stands before those options of the non-rigid alignment that there are."""

UNIT_CELL = "unit-cell"

_FRAMES = "Frames"
_TILES = "Alignment of the tiles"
_OTHERS = "Other signals"
_OF_NONRIGID = ("model", "affine_cycles", "nonlinear_cycles", "smoothing", "convergence")
_OF_SPECTRA = ("signal_range", "binning", "counts", "variance")

Region = tuple[int | float, int | float, int | float, int | float]


@dataclass(frozen=True)
class Outputs:
    """Files that the command may write, all beside the first.

    Attributes
    ----------
    tiles, average, matches, figure : Path
        The stack of tiles, its average, the table of matches and the figure.
    second, second_average : Path
        The tiles of a second detector, and their average.
    spectra : Path
        The sum of the tiles of spectra.
    """

    tiles: Path
    average: Path
    matches: Path
    figure: Path
    second: Path
    second_average: Path
    spectra: Path

    @classmethod
    def beside(cls, out: Path) -> Outputs:
        """Names for all that may be written, from that of the tiles."""

        def named(words: str, suffix: str = out.suffix) -> Path:
            return out.with_name(f"{out.stem}_{words}{suffix}")

        return cls(
            tiles=out,
            average=named("average"),
            matches=named("matches", ".csv"),
            figure=named("motif", ".png"),
            second=named("second"),
            second_average=named("second_average"),
            spectra=named("spectra"),
        )

    @property
    def of_tiles(self) -> list[Path]:
        """Those that are always written."""
        return [self.tiles, self.average, self.matches, self.figure]

    @property
    def of_second(self) -> list[Path]:
        """Those that are written for a second detector."""
        return [self.second, self.second_average]

    def wanted(self, given: Mapping[str, Any]) -> list[Path]:
        """Those that the options of the command ask for."""
        second = self.of_second if given["second"] else []
        return self.of_tiles + second + ([self.spectra] if given["spectra"] else [])


def motif_options() -> list[SectionOption]:
    """Motif, frames, workflow, other signals and files; not the parameters of template_match."""
    return [
        _template(),
        out_option(
            "The tiles, with the table of matches. Beside it are written _average, "
            "_matches.csv and _motif.png, and what --second and --spectra ask for"
        ),
        *working_options(),
        SectionOption(
            ["--working-folder"],
            type=click.Path(file_okay=False, path_type=Path),
            metavar="FOLDER",
            section="Working",
            help="Folder for what has been found so far, made if it does not exist: the same "
            "command goes on from there, if it was broken off. smartalign clean-up removes it.",
        ),
        *_frames(),
        *_nonrigid(),
        *_others(),
    ]


def _template() -> SectionOption:
    return SectionOption(
        ["--template"],
        required=True,
        type=_motif,
        metavar=f"LEFT,RIGHT,TOP,BOTTOM|FILE|{UNIT_CELL}",
        section="Motif",
        help="The motif: a region of the first frame, or of the average of an aligned series, "
        "counted from 0 in whole numbers or on the axes with decimal points; an image, such as "
        "a simulation (or .npy); or the unit cell of the lattice, found automatically.",
    )


def _frames() -> list[SectionOption]:
    return [
        SectionOption(
            ["--frames"],
            type=frame_numbers,
            metavar="NUMBER[-NUMBER],...",
            section=_FRAMES,
            help="Frames to search, such as 0,3,5-9. All if not given.",
        ),
        SectionOption(
            ["--align/--no-align"],
            default=False,
            show_default=True,
            section=_FRAMES,
            help="Align the series by shifts first, and search its average: for frames too noisy "
            "to be searched one by one. Tiles are cut out of the frames as they were recorded.",
        ),
        SectionOption(
            ["--search"],
            type=click.Choice(("auto", "frames", "average")),
            default="auto",
            show_default=True,
            section=_FRAMES,
            help="Search each frame, or the average of an aligned series. 'auto' takes the "
            "average where there is an alignment.",
        ),
        SectionOption(
            ["--source"],
            metavar="FILE",
            section=_FRAMES,
            help="The raw series, where FILE is an aligned one or its average: pixels are then "
            "interpolated once. Its frames are chosen, turned and resampled as those of FILE were.",
        ),
    ]


def _nonrigid() -> list[SectionOption]:
    more = [option(spec, prefix=NONRIGID) for spec in _some(NonrigidParameters, _OF_NONRIGID)]
    for entry in more:
        entry.section = _TILES
    return [
        SectionOption(
            ["--nonrigid/--no-nonrigid"],
            default=False,
            show_default=True,
            section=_TILES,
            help="Take scan distortions out of the tiles. For all options, leave this out and "
            "call smartalign nonrigid with the tiles.",
        ),
        *more,
    ]


def _others() -> list[SectionOption]:
    spectra = [option(spec) for spec in _some(ApplyParameters, _OF_SPECTRA)]
    for entry in spectra:
        entry.section = _OTHERS
        entry.help = f"For --spectra. {entry.help}"
    return [
        _files_of("second", "Images of a second detector: the same tiles are cut out of them."),
        _signal_of("second"),
        _files_of("spectra", "Spectra of the same scan: the same tiles are cut out and added up."),
        _signal_of("spectra"),
        reader_option("--spectra-reader", section=_OTHERS, of="the reader of --spectra"),
        *spectra,
    ]


def nonrigid_keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say about the alignment of the tiles.

    Raises
    ------
    ParameterError
        A value is not allowed.
    click.UsageError
        Something is said, but the tiles are not to be aligned.
    """
    changed = NonrigidParameters(
        **{name: given[NONRIGID + name] for name in _OF_NONRIGID}
    ).changed()
    said = next(iter(changed), None)
    if said is not None and not given["nonrigid"]:
        name = (NONRIGID + said).replace("_", "-")
        raise click.UsageError(f"--{name} is for the alignment of the tiles: add --nonrigid.")
    return changed


def spectra_keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say about the spectra.

    Raises
    ------
    ParameterError
        A value is not allowed.
    click.UsageError
        Something is said, but there are no spectra.
    """
    values = {name: given[name] for name in _OF_SPECTRA}
    changed = ApplyParameters(**values).changed()
    others = {name: given[name] for name in ("spectra_signal", "spectra_reader") if given[name]}
    said = next(iter({**changed, **others}), None)
    if said is not None and not given["spectra"]:
        raise click.UsageError(f"--{said.replace('_', '-')} is for spectra: add --spectra FILE.")
    if given["second_signal"] and not given["second"]:
        raise click.UsageError("--second-signal is for a second detector: add --second FILE.")
    # The tiles of spectra are interpolated as those of the images.
    return ApplyParameters(**values, interpolation=given["interpolation"]).changed()


def frame_numbers(text: Any) -> list[int]:
    """Numbers and ranges of numbers, such as 0,3,5-9."""
    if not isinstance(text, str):
        return list(text)
    numbers: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if ends is None:
            raise click.BadParameter(
                f"{text!r} is not written as numbers and ranges, such as 0,3,5-9."
            )
        first = int(ends[1])
        last = first if ends[2] is None else int(ends[2])
        if last < first:
            raise click.BadParameter(f"{part.strip()!r} runs backwards: write {last}-{first}.")
        numbers.extend(range(first, last + 1))
    return numbers


def _motif(text: Any) -> Region | Path | Literal["unit-cell"]:
    """A region, the file of an image, or the word for the unit cell."""
    if not isinstance(text, str):
        given: Region | Path = text
        return given
    if text == UNIT_CELL:
        return "unit-cell"
    try:
        left, right, top, bottom = (_number(part) for part in text.split(","))
    except ValueError:
        path = Path(text)
        if path.exists():
            return path
        raise click.BadParameter(
            f"{text!r} is not written as LEFT,RIGHT,TOP,BOTTOM, is not {UNIT_CELL}, and there is "
            "no such file."
        ) from None
    return left, right, top, bottom


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _some(tool: type[Parameters], names: tuple[str, ...]) -> list[ParameterSpec]:
    specifications = {spec.name: spec for spec in tool.specifications()}
    return [specifications[name] for name in names]


def _files_of(name: str, description: str) -> SectionOption:
    return SectionOption(
        [f"--{name}"],
        multiple=True,
        metavar="FILE",
        section=_OTHERS,
        help=f"{description} A file, a folder, or a pattern in quotes; can be repeated.",
    )


def _signal_of(name: str) -> SectionOption:
    return SectionOption(
        [f"--{name}-signal"],
        metavar="NAME|INDEX",
        section=_OTHERS,
        help=f"Signal to take where the files of --{name} hold several.",
    )
