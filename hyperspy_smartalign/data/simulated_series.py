"""Simulated series as HyperSpy signals."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import above_zero, one_of
from hyperspy_smartalign.data.composition import (
    ELEMENTS,
    INTERFACE_ELEMENTS,
    SPECTRUM_KINDS,
    SpectrumKind,
    SpectrumModel,
    spectrum_model,
)
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.damage import Damage
from hyperspy_smartalign.data.detector import Detector
from hyperspy_smartalign.data.path import ProbePath
from hyperspy_smartalign.data.scan import RowProcess
from hyperspy_smartalign.data.simulate import (
    frame_recorder,
    make_truth,
    random_stream,
    record_frames,
)
from hyperspy_smartalign.data.simulated_spectra import SimulatedSpectra
from hyperspy_smartalign.data.truth import Truth


@dataclass(frozen=True, eq=False)
class SimulatedSeries:
    """A series with its other signals, and what is true of them.

    Parameters
    ----------
    series : Signal2D
        The images, (frame | x, y).
    second : Signal2D or None
        A bright-field-like detector read at the same time: dark columns on a bright ground.
    spectra : dict of SimulatedSpectra
        By kind, "EELS" or "EDS": spectrum images recorded on the same path of the probe.
    truth : Truth
        Specimen, path of the probe and dose.
    """

    series: Any
    second: Any
    spectra: Mapping[str, SimulatedSpectra]
    truth: Truth

    def __repr__(self) -> str:
        return f"SimulatedSeries({self.series!r}, dose {self.truth.dose:g})"

    @property
    def spectrum_image(self) -> Any:
        """EELSSpectrum, EDSTEMSpectrum or Signal1D (x, y, frame | energy): the first of `spectra`.

        None where there is none.
        """
        return next((spectra.signal for spectra in self.spectra.values()), None)

    @property
    def crystal(self) -> Crystal:
        """The specimen."""
        return self.truth.crystal

    @property
    def path(self) -> ProbePath:
        """Where the probe was."""
        return self.truth.path

    @property
    def scan(self) -> dict[str, Any]:
        """Times in seconds and the scan rotation of every frame in degrees."""
        path = self.truth.path
        return {
            "line_time": path.line_time,
            "dwell_time": path.dwell_time,
            "flyback_time": path.flyback_time,
            "frame_time": path.frame_time,
            "scan_rotation": [float(angle) for angle in path.rotation],
        }


def simulate_series(
    *,
    shape: Sequence[int] = (256, 256),
    frames: int = 16,
    crystal: str | Crystal = "perovskite",
    dose: float = 20.0,
    drift: Literal["walk"] | npt.ArrayLike = (0.5, -1.0),
    drift_walk: float = 0.3,
    row_jitter: float = 0.0,
    row_correlation: float = 6.0,
    row_process: RowProcess = "gaussian",
    in_frame_drift: bool = False,
    scan_rotation: str | float | Sequence[float] = 0,
    dwell_time: float = 1e-6,
    flyback_time: float = 60e-6,
    frame_gap: float = 0.0,
    detector: Detector | None = None,
    damage: Damage | None = None,
    second_detector: bool = False,
    spectrum_image: SpectrumKind | Sequence[SpectrumKind] | None = None,
    spectrum_dose: float = 50.0,
    channels: int = 64,
    scale: float = 0.024,
    lazy: bool = False,
    seed: int = 0,
) -> SimulatedSeries:
    """Simulate a series of images, with a second detector and a spectrum image if wanted.

    Parameters
    ----------
    shape, frames, crystal, dose
        Rows and columns, number of frames, specimen, and counts a pixel at intensity 1; see
        `simulate_stack`.
    drift, drift_walk, row_jitter, row_correlation, row_process, in_frame_drift, scan_rotation
        The path of the probe; see `probe_path`.
    dwell_time, flyback_time, frame_gap : float
        Seconds a pixel, between two lines, and between two frames.
    detector : Detector, optional
        Of both image detectors. By default counts as float32.
    damage : Damage, optional
        Damage that grows from frame to frame, of a series of images without a second detector or
        spectra.
    second_detector : bool
        Record a bright-field-like detector too, with a noise of its own.
    spectrum_image : {"EELS", "EDS"}, optional
        Record a spectrum at every pixel of every frame: strontium on the strong columns, titanium
        on the weak ones, and manganese beyond an interface. The class is exspy's where exspy is
        installed, else Signal1D. ``("EELS", "EDS")`` records both at the same time.
    spectrum_dose : float
        Counts a pixel of the continuum at intensity 1, over all channels; edges and lines follow.
    channels : int
        Channels of a spectrum. They take frames * rows * columns * channels * 2 bytes of memory,
        unless lazy.
    scale : float
        Nanometres a pixel.
    lazy : bool
        Signals whose frames are made when they are asked for, the same as without.
    seed : int
        Seed of everything; see `simulate_stack`.

    Returns
    -------
    SimulatedSeries
        Its `series` carries the scan times in ``original_metadata.Scan``, as Velox files do, and
        its scan geometry in ``metadata.Smart_align``.

    Examples
    --------
    >>> from hyperspy_smartalign.data import simulate_series
    >>> simulated = simulate_series(shape=(64, 48), frames=3)
    >>> simulated.series
    <Signal2D, title: Simulated dark field, dimensions: (3|48, 64)>
    """
    above_zero(scale, name="scale")
    if damage is not None and (second_detector or spectrum_image is not None):
        raise ValueError(
            "damage= is simulated for one detector only; leave out second_detector and "
            "spectrum_image."
        )
    truth = make_truth(
        shape=shape,
        frames=frames,
        crystal=crystal,
        dose=dose,
        drift=drift,
        drift_walk=drift_walk,
        row_jitter=row_jitter,
        row_correlation=row_correlation,
        row_process=row_process,
        in_frame_drift=in_frame_drift,
        scan_rotation=scan_rotation,
        dwell_time=dwell_time,
        flyback_time=flyback_time,
        frame_gap=frame_gap,
        damage=damage,
        seed=seed,
    )
    detector = Detector() if detector is None else detector
    images = {"Simulated dark field": frame_recorder(truth, detector, seed=seed)}
    if second_detector:
        images["Simulated bright field"] = frame_recorder(
            truth,
            detector,
            seed=seed,
            stream="second detector",
            crystal=truth.crystal.inverted(),
        )
    signals = [
        _image_signal(record, truth, detector.pixel_type, title=title, scale=scale, lazy=lazy)
        for title, record in images.items()
    ]
    elements = ELEMENTS if truth.crystal.interface is None else INTERFACE_ELEMENTS
    spectra: dict[str, SimulatedSpectra] = {}
    # Another stream for each, so that their noise is independent.
    for stream, kind in zip(("spectra", "more spectra"), _kinds(spectrum_image), strict=False):
        model = spectrum_model(kind, channels=channels, elements=elements)
        signal = _spectrum_signal(
            model, truth, dose=spectrum_dose, seed=seed, stream=stream, scale=scale, lazy=lazy
        )
        spectra[kind] = SimulatedSpectra(signal, model, truth, spectrum_dose)
    return SimulatedSeries(
        series=signals[0],
        second=signals[1] if second_detector else None,
        spectra=spectra,
        truth=truth,
    )


def _kinds(wanted: SpectrumKind | Sequence[SpectrumKind] | None) -> list[SpectrumKind]:
    """Kinds of spectra that are recorded, each once."""
    if wanted is None:
        return []
    kinds = [wanted] if isinstance(wanted, str) else list(wanted)
    for kind in kinds:
        one_of(kind, SPECTRUM_KINDS, name="spectrum_image")
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"spectrum_image is {tuple(kinds)}; name each kind once.")
    return kinds


def _image_signal(
    record: Callable[[int], npt.NDArray[Any]],
    truth: Truth,
    dtype: np.dtype[Any],
    *,
    title: str,
    scale: float,
    lazy: bool,
) -> Any:
    import hyperspy.api as hs

    data = _frames(record, len(truth.path), truth.path.shape, dtype, lazy=lazy)
    signal = hs.signals.Signal2D(data, axes=_image_axes(truth.path, scale))
    if lazy:
        signal = signal.as_lazy()
    return _described(signal, truth, title)


def _spectrum_signal(
    model: SpectrumModel,
    truth: Truth,
    *,
    dose: float,
    seed: int,
    stream: str,
    scale: float,
    lazy: bool,
) -> Any:
    import hyperspy.api as hs

    above_zero(dose, name="spectrum_dose")

    def record(frame: int) -> npt.NDArray[Any]:
        rng = np.random.default_rng(random_stream(seed, stream, frame))
        return model.record(truth, frame, dose=dose, rng=rng)

    energies = model.energies
    shape = (*truth.path.shape, len(energies))
    data = _frames(record, len(truth.path), shape, np.dtype(np.uint16), lazy=lazy)
    energy_axis = {
        "name": "Energy loss" if model.kind == "EELS" else "Energy",
        "size": len(energies),
        "scale": float(energies[1] - energies[0]),
        "offset": float(energies[0]),
        "units": model.units,
    }
    signal = hs.signals.Signal1D(data, axes=[*_image_axes(truth.path, scale), energy_axis])
    if lazy:
        signal = signal.as_lazy()
    signal = _described(signal, truth, f"Simulated {model.kind} spectrum image")
    if importlib.util.find_spec("exspy") is not None:
        signal.set_signal_type("EELS" if model.kind == "EELS" else "EDS_TEM")
        node = "Acquisition_instrument.TEM.Detector"
        if model.kind == "EELS":
            signal.metadata.set_item(f"{node}.EELS.collection_angle", 40.0)
        else:
            signal.metadata.set_item(f"{node}.EDS.energy_resolution_MnKa", 130.0)
        signal.add_elements(list(model.symbols))
    return signal


def _frames(
    record: Callable[[int], npt.NDArray[Any]],
    frames: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    lazy: bool,
) -> Any:
    """All frames as an array, or as a dask array of one chunk a frame."""
    if lazy:
        import dask.array
        from dask.delayed import delayed

        array: Any = dask.array
        chunks = [
            array.from_delayed(delayed(record, pure=False)(frame), shape=shape, dtype=dtype)
            for frame in range(frames)
        ]
        return array.stack(chunks)
    return record_frames(record, frames, shape, dtype)


def _image_axes(path: ProbePath, scale: float) -> list[dict[str, Any]]:
    height, width = path.shape
    return [
        {"name": "frame", "size": len(path), "scale": 1.0, "offset": 0.0},
        {"name": "y", "size": height, "scale": scale, "offset": 0.0, "units": "nm"},
        {"name": "x", "size": width, "scale": scale, "offset": 0.0, "units": "nm"},
    ]


def _described(signal: Any, truth: Truth, title: str) -> Any:
    """Add what a microscope would write into the file."""
    path = truth.path
    signal.metadata.General.title = title
    signal.metadata.add_dictionary(
        {
            "Acquisition_instrument": {
                "TEM": {
                    "microscope": "simulated",
                    "acquisition_mode": "STEM",
                    "beam_energy": 200.0,
                    "convergence_angle": 25.0,
                    "dwell_time": path.dwell_time,
                }
            },
            "Smart_align": {"scan_geometry": path.geometry.to_dict()},
        }
    )
    signal.original_metadata.add_dictionary(
        {
            "Scan": {
                "DwellTime": str(path.dwell_time),
                "LineTime": str(path.line_time),
                "FrameTime": str(path.frame_time),
                "ScanRotation": str(math.radians(path.rotation[0])),
            }
        }
    )
    return signal
