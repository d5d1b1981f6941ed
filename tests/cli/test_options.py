"""Options are made from the parameters, so every parameter can be set, and none is typed twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from hyperspy_smartalign.cli import smartalign
from hyperspy_smartalign.cli.options import chosen, options
from hyperspy_smartalign.cli.preparing import RAMP
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    Parameters,
    ParameterSpec,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
)

TOOLS = {
    "rigid": (RigidParameters, PrepareParameters),
    "apply": (ApplyParameters,),
    "motif": (TemplateParameters, PrepareParameters),
}
EVERY = [
    pytest.param(tool, spec, id=f"{tool.__name__}-{spec.name}")
    for tool in (
        *(RigidParameters, PrepareParameters, RampParameters, ApplyParameters),
        TemplateParameters,
    )
    for spec in tool.specifications()
]
# A value of each kind that is not the default, as text and as the parameters hold it.
BY_KIND: dict[str, tuple[str, Any]] = {
    "integer": ("3", 3),
    "real": ("0.5", 0.5),
    "real or pair": ("0.1,0.25", (0.1, 0.25)),
    "numbers": ("0,90", (0.0, 90.0)),
    "indices": ("7,3", (3, 7)),
    "index pairs": ("0:5,9:2", ((0, 5), (2, 9))),
    "region": ("10,60,0.5,2.5", (10, 60, 0.5, 2.5)),
    "signal range": ("450.0,480", (450.0, 480)),
}


def as_arguments(spec: ParameterSpec, *, prefix: str = "") -> tuple[list[str], Any]:
    name = (prefix + spec.name).replace("_", "-")
    if spec.kind == "flag":
        wanted = not spec.default
        return [f"--{name}" if wanted else f"--no-{name}"], wanted
    if spec.choices and spec.kind in ("choice", "choice or array"):
        word = next(word for word in spec.choices if word != spec.default)
        return [f"--{name}", word], word
    text, value = BY_KIND[spec.kind]
    if spec.kind == "numbers" and spec.high is not None:
        text, value = "0.25,0.5", (0.25, 0.5)
    return [f"--{name}", text], value


def parsed(tool: type[Parameters], arguments: list[str], *, prefix: str = "") -> dict[str, Any]:
    command = click.Command("tool", params=list(options(tool, prefix=prefix)))
    return command.make_context("tool", arguments).params


@pytest.mark.parametrize(("tool", "spec"), EVERY)
def test_every_parameter_can_be_set(tool: type[Parameters], spec: ParameterSpec) -> None:
    arguments, value = as_arguments(spec)
    given = parsed(tool, arguments)
    others = {name: other for name, other in given.items() if name != spec.name}
    trait = tool.class_traits()[spec.name].trait_type
    assert trait.validate(None, spec.name, given[spec.name]) == value
    assert others == {s.name: s.default for s in tool.specifications() if s.name != spec.name}


@pytest.mark.parametrize(
    "tool", [RigidParameters, PrepareParameters, ApplyParameters, TemplateParameters]
)
def test_no_option_is_the_default(tool: type[Parameters]) -> None:
    assert chosen(tool, parsed(tool, [])) == tool()


@pytest.mark.parametrize(("tool", "spec"), EVERY)
def test_words_defaults_and_ranges_come_from_the_parameters(
    tool: type[Parameters], spec: ParameterSpec
) -> None:
    (made,) = (option for option in options(tool) if option.name == spec.name)
    assert made.help is not None
    assert made.help.startswith(spec.desc)
    assert made.default == spec.default
    assert made.section.casefold() == spec.group.casefold()
    if spec.high is not None:
        assert f"to {spec.high:g}" in made.help
    if spec.unit:
        assert f"Unit: {spec.unit}." in made.help


@pytest.mark.parametrize("name", TOOLS)
def test_commands_have_the_options_of_their_tools(name: str) -> None:
    command = smartalign.commands[name]
    destinations = [param.name for param in command.params]
    assert len(destinations) == len(set(destinations))
    switches = [
        switch for param in command.params for switch in (*param.opts, *param.secondary_opts)
    ]
    assert len(switches) == len(set(switches))
    for tool in TOOLS[name]:
        assert set(tool.names()) <= set(destinations)


def test_the_ramp_has_its_own_prefix() -> None:
    destinations = {param.name for param in smartalign.commands["rigid"].params}
    assert {RAMP + name for name in RampParameters.names()} <= destinations


def test_words_are_taken_where_a_number_could_stand() -> None:
    given = parsed(RigidParameters, ["--neighbours", "all", "--fill", "mean"])
    assert (given["neighbours"], given["fill"]) == ("all", "mean")
    assert parsed(RigidParameters, ["--fill", "-2.5"])["fill"] == -2.5
    assert parsed(RigidParameters, ["--max-shift", "20"])["max_shift"] == 20.0


def test_channels_energies_and_regions_stay_apart() -> None:
    for text, value in (("450,480", (450, 480)), ("450.,480.5", (450.0, 480.5))):
        given = parsed(ApplyParameters, ["--signal-range", text])["signal_range"]
        assert [(type(end), end) for end in given] == [(type(end), end) for end in value]
    region = parsed(ApplyParameters, ["--signal-range", "1,5,0.5,2."])
    assert ApplyParameters(**region).signal_range == (1, 5, 0.5, 2.0)
    with pytest.raises(click.BadParameter, match="START,STOP"):
        parsed(ApplyParameters, ["--signal-range", "1,2,3"])


def test_a_mask_is_read_from_a_file(tmp_path: Path) -> None:
    mask = np.outer(np.arange(1.0, 4.0), np.ones(5))
    np.save(tmp_path / "mask.npy", mask)
    given = parsed(RigidParameters, ["--weighting", str(tmp_path / "mask.npy")])
    np.testing.assert_array_equal(RigidParameters(**given).weighting, mask)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--neighbours", "many"], "INTEGER, or one of auto, all"),
        (["--exponent", "half"], "NUMBER"),
        (["--roi", "1,2,3"], "LEFT,RIGHT,TOP,BOTTOM"),
        (["--exclude-pairs", "1-2"], "I:J"),
        (["--window", "kaiser"], "'hann'"),
        (["--weighting", "nowhere.npy"], "there is no such file"),
    ],
)
def test_text_of_another_kind_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parsed(RigidParameters, arguments)
    assert said in caught.value.format_message()


def test_a_broken_mask_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, np.ones((4, 4)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(click.BadParameter, match="ValueError"):
        parsed(RigidParameters, ["--weighting", str(path)])
