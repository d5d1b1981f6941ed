"""Parameters of the non-rigid registration."""

from __future__ import annotations

from hyperspy_smartalign.parameters import _applying
from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import (
    Choice,
    Choices,
    CropArea,
    Flag,
    FrameNumbers,
    Indices,
    Integer,
    ParameterError,
    PositiveReal,
    Real,
    Region,
    Switch,
)

MODELS = ("scan_locked", "row_fitting", "free")

# The numbers behind the words.
_CONVERGENCE = {"weak": 1e-4, "strong": 1e-6}
_ACCELERATION = {"weak": 2.0, "strong": 20.0}
_ITERATIONS = {"map": 10, "gradient": 200}


class NonrigidParameters(Parameters):
    """Parameters of align_nonrigid."""

    model = Choices(
        "scan_locked",
        words=MODELS,
        label="Model",
        desc=(
            "How a frame may be distorted: 'scan_locked' offsets each scan line, 'row_fitting' "
            "turns and stretches each line too, 'free' moves each pixel (TEM and cameras). A "
            "sequence gives one for each non-linear cycle; its last one goes on."
        ),
        group="cycles",
    )
    affine_cycles = Integer(
        2,
        low=0,
        high=100,
        label="Affine cycles",
        desc="Number of cycles that fit shift, shear, scale and rotation of each frame.",
        group="cycles",
    )
    nonlinear_cycles = Integer(
        4,
        low=0,
        high=100,
        label="Non-linear cycles",
        desc="Number of cycles that fit the model. Each cycle makes a new reference.",
        group="cycles",
    )
    rigid = Switch(
        "auto",
        words=("auto",),
        label="Rigid stage first",
        desc=(
            "'auto' aligns a series that carries no alignment by align_rigid first. False starts "
            "from no shift, for tiles or a series that was aligned elsewhere."
        ),
        group="cycles",
    )
    guard = Flag(
        True,
        label="Guard",
        desc="Stop, and keep the best, as soon as a cycle makes data that were held out fit worse.",
        group="cycles",
        rare=True,
    )
    keep_on_cancel = Flag(
        False,
        label="Keep on cancel",
        desc="Return the best result so far when the work is interrupted, rather than none.",
        group="cycles",
    )
    reference = Integer(
        "average",
        words=("average", "local"),
        low=0,
        label="Reference",
        desc=(
            "What a frame is compared with: the average of all others, the average of its "
            "neighbours in the series ('local', for what changes in time), or one frame, by its "
            "index counted from 0."
        ),
        group="reference",
    )
    reference_width = Integer(
        1,
        low=1,
        label="Reference width",
        desc="Number of neighbours on either side that the local average is made of.",
        group="reference",
        unit="frames",
    )
    local_cycles = Integer(
        None,
        low=1,
        label="Local cycles",
        desc=(
            "Number of initial cycles that use the local average, before that of all frames. "
            "None: all cycles."
        ),
        group="reference",
        rare=True,
    )
    weights = FrameNumbers(
        "equal",
        words=("equal", "quality", "dose"),
        low=0,
        label="Weights",
        desc=(
            "Weight of the frames in the reference: equal, by how well they fit, by their dose, "
            "or one number a frame."
        ),
        group="reference",
        rare=True,
    )
    smooth_reference = Real(
        None,
        low=0,
        label="Smooth reference",
        desc=(
            "Standard deviation of a Gaussian that smooths the reference. None filters it by "
            "its own noise."
        ),
        group="reference",
        rare=True,
        unit="px",
    )
    solver = Choice(
        "map",
        words=("map", "gradient"),
        label="Solver",
        desc=(
            "'map' finds the most probable displacement (Gauss-Newton with a prior); 'gradient' "
            "is the classical matching by image gradients."
        ),
        group="convergence",
        rare=True,
    )
    smoothing = PositiveReal(
        None,
        label="Smoothing",
        desc=(
            "Distance over which displacements are correlated: scan lines, or pixels (free); or "
            "width of the smoothing kernel (gradient solver; None: 2 lines, or 12 px). None "
            "estimates it from the series."
        ),
        group="convergence",
        unit="px",
    )
    convergence = PositiveReal(
        "auto",
        words=("auto", "weak", "strong"),
        label="Convergence",
        desc=(
            "Mean change of the displacements below which the last cycle ends: 'weak' is 1e-4, "
            "'strong' 1e-6. 'auto' ends when a change is lost in the error of the displacements "
            "(weak, for the gradient solver). Earlier cycles end sooner."
        ),
        group="convergence",
        unit="px",
    )
    acceleration = PositiveReal(
        None,
        words=("weak", "strong"),
        label="Acceleration",
        desc=(
            "Length of the steps of the gradient solver: 'weak' is 2, 'strong' 20. Lowered by "
            "itself where steps diverge. None: weak."
        ),
        group="convergence",
        rare=True,
    )
    max_iterations = Integer(
        None,
        low=1,
        label="Maximum iterations",
        desc="Most iterations in a cycle. None: 10 (map) or 200 (gradient).",
        group="convergence",
        rare=True,
    )
    line_noise = Flag(
        True,
        label="Line noise",
        desc=(
            "Keep scan lines whose brightness jumps, as in STM and AFM, from pulling. False "
            "takes brightness as it is."
        ),
        group="scan",
    )
    continuous = Flag(
        None,
        label="Continuous drift",
        desc=(
            "Let drift go on from line to line and from frame to frame, so that the shifts of "
            "the frames tell the mean drift within them. None: where the scan times are known; "
            "True needs them; False: never."
        ),
        group="scan",
        rare=True,
    )
    noise_constant = PositiveReal(
        1.0,
        label="Noise constant",
        desc=(
            "Robustness to pixels that stand out, such as hot ones. Larger is more robust and "
            "less sensitive."
        ),
        group="advanced",
        rare=True,
    )
    constrain_edges = Flag(
        False,
        label="Constrain edges",
        desc="Hold the displacement at the edges of the frame, for featureless backgrounds.",
        group="advanced",
        rare=True,
    )
    smooth_frames = Real(
        0.0,
        low=0,
        label="Smooth frames",
        desc=(
            "Standard deviation of a Gaussian that smooths what the estimation sees of each "
            "frame. The pixels of the result are not smoothed."
        ),
        group="advanced",
        rare=True,
        unit="px",
    )
    roi = Region(
        None,
        label="Region of interest",
        desc=(
            "Part of the frame that the displacements are estimated on: a hs.roi.RectangularROI "
            "or (left, right, top, bottom), int = index, float = value on the axis. None: all."
        ),
        group="frames",
    )
    exclude = Indices(
        (),
        label="Exclude frames",
        desc="Indices of frames, counted from 0, that take no part in the estimation.",
        group="frames",
    )
    crop = CropArea(
        True,
        words=("common", "none"),
        label="Crop output",
        desc=(
            "True or 'common' crops to the area common to all frames, False or 'none' expands to "
            "all that any frame saw. A hs.roi.RectangularROI or (left, right, top, bottom) "
            "returns that part of the aligned frame. With True, tiles stay as large as the motif."
        ),
        group="output",
    )
    fill = _applying.fill(rare=True)
    interpolation = Choice(
        "spline",
        words=("spline", "linear", "nearest"),
        label="Interpolation",
        desc=(
            "Kernel of the one interpolation: cubic B-spline, linear or nearest (keeps counts "
            "and dtype). Fourier interpolation shifts whole frames only."
        ),
        group="output",
        rare=True,
    )
    output = _applying.output()
    keep_transforms = Flag(
        True,
        label="Keep transforms",
        desc=(
            "Store the transforms with the result, so that they can be applied to other "
            "detectors. False stores the mean shift of each frame only."
        ),
        group="output",
        rare=True,
    )
    keep_fields = Flag(
        False,
        label="Keep fields",
        desc=(
            "Store displacements of every pixel as they are, also above 1 MB. Otherwise they "
            "are stored on a control grid, as HyperSpy copies them at every slice."
        ),
        group="output",
        rare=True,
    )

    @property
    def models(self) -> tuple[str, ...]:
        """Model of each non-linear cycle."""
        given = (self.model,) if isinstance(self.model, str) else self.model
        missing = self.nonlinear_cycles - len(given)
        return (*given, *given[-1:] * missing)[: self.nonlinear_cycles]

    @property
    def total_cycles(self) -> int:
        """Number of all cycles."""
        return int(self.affine_cycles + self.nonlinear_cycles)

    @property
    def convergence_limit(self) -> float | None:
        """Mean shift at which the last cycle ends, px; None where the errors tell."""
        if self.convergence == "auto":
            return _CONVERGENCE["weak"] if self.solver == "gradient" else None
        given = self.convergence
        return _CONVERGENCE[given] if isinstance(given, str) else float(given)

    @property
    def acceleration_factor(self) -> float:
        """Acceleration of the gradient solver."""
        given = "weak" if self.acceleration is None else self.acceleration
        return _ACCELERATION[given] if isinstance(given, str) else float(given)

    @property
    def iteration_limit(self) -> int:
        """Most iterations in a cycle."""
        return int(self.max_iterations or _ITERATIONS[self.solver])

    @property
    def local_cycle_count(self) -> int:
        """Number of initial cycles that compare with the local average."""
        if self.reference != "local":
            return 0
        return int(self.total_cycles if self.local_cycles is None else self.local_cycles)

    def idle(self) -> dict[str, str]:
        """Parameters that nothing would use with the present values, and why."""
        idle = {}
        if self.nonlinear_cycles == 0:
            reason = "nonlinear_cycles=0 fits no model"
            idle = dict.fromkeys(("model", "solver", "smoothing", "continuous"), reason)
        elif set(self.models) == {"free"}:
            idle["continuous"] = "model='free' knows no scan lines"
        if self.reference != "local":
            local = "it is for reference='local'"
            idle.update(reference_width=local, local_cycles=local)
        if isinstance(self.reference, int):
            idle["weights"] = f"reference={self.reference} is a single frame"
        if self.solver != "gradient":
            idle["acceleration"] = "it is for solver='gradient'"
        elif "solver" in idle:
            idle["acceleration"] = idle["solver"]
        if not self.keep_transforms:
            idle["keep_fields"] = "keep_transforms=False stores no fields"
        return idle

    def check_clashes(self) -> None:
        """Raise ParameterError if values clash."""
        self._check_cycles()
        self._check_reference()

    def _check_cycles(self) -> None:
        if self.total_cycles == 0:
            raise ParameterError(
                "affine_cycles=0 and nonlinear_cycles=0 leave nothing to do: use align_rigid, or "
                "ask for one cycle or more."
            )
        if self.nonlinear_cycles == 0:
            return
        if not isinstance(self.model, str) and len(self.model) > self.nonlinear_cycles:
            raise ParameterError(
                f"model names {len(self.model)} models, and nonlinear_cycles="
                f"{self.nonlinear_cycles}: give no more models than cycles, or "
                f"nonlinear_cycles={len(self.model)}."
            )
        if "free" in self.models and set(self.models[self.models.index("free") :]) != {"free"}:
            raise ParameterError(
                f"model={self.model!r} asks for scan lines after free displacements, which have "
                "no scan lines left: put 'free' last."
            )

    def _check_reference(self) -> None:
        cycles = self.local_cycles if self.reference == "local" else None
        if cycles is not None and cycles > self.total_cycles:
            raise ParameterError(
                f"local_cycles={cycles}, and there are {self.total_cycles} cycles "
                "(affine_cycles + nonlinear_cycles). Leave local_cycles out to use the local "
                "average in all of them."
            )
        frames = "average" if isinstance(self.reference, int) else self.weights
        if not isinstance(frames, str) and not any(frames):
            raise ParameterError("weights are all 0, so that there is no reference: raise some.")
