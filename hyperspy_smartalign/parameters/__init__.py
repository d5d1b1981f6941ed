"""The parameters of every tool: default, range and words, said once.

Each class here is one tool. Method signatures, docstrings, the command line, dialogues and the
record in the metadata all come from it.
"""

from __future__ import annotations

from hyperspy_smartalign.parameters._applying import ApplyParameters
from hyperspy_smartalign.parameters._base import Parameters, ParameterSpec
from hyperspy_smartalign.parameters._documenting import documented
from hyperspy_smartalign.parameters._kinds import ParameterError
from hyperspy_smartalign.parameters._motif import TemplateParameters
from hyperspy_smartalign.parameters._nonrigid import NonrigidParameters
from hyperspy_smartalign.parameters._preparing import PrepareParameters, RampParameters
from hyperspy_smartalign.parameters._rigid import RigidParameters
from hyperspy_smartalign.parameters._wording import recorded_text

TOOLS: dict[str, type[Parameters]] = {
    "align_nonrigid": NonrigidParameters,
    "align_rigid": RigidParameters,
    "apply_alignment": ApplyParameters,
    "prepare": PrepareParameters,
    "remove_ramp": RampParameters,
    "template_match": TemplateParameters,
}
"""The parameters of each step that a record can hold."""

__all__ = [
    "TOOLS",
    "ApplyParameters",
    "NonrigidParameters",
    "ParameterError",
    "ParameterSpec",
    "Parameters",
    "PrepareParameters",
    "RampParameters",
    "RigidParameters",
    "TemplateParameters",
    "documented",
    "recorded_text",
]
