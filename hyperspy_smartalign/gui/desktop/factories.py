"""Editors of our own for views: each loads Qt when a window is made, and not before."""

from __future__ import annotations

import importlib
from typing import Any

import traits.api as t
from traitsui.api import BasicEditorFactory


class _QtFactory(BasicEditorFactory):
    """A factory of an editor in a module that needs Qt."""

    klass = t.Property
    #: Module in this folder and name of the class of the editor.
    place = ("", "")

    def _get_klass(self) -> Any:
        module, name = self.place
        return getattr(importlib.import_module(f"hyperspy_smartalign.gui.desktop.{module}"), name)


class FieldEditor(_QtFactory):
    """A value typed as text, or chosen among words; see `gui.fields.Field`."""

    place = ("inputs", "TextInput")
    field = t.Any()


class ComboEditor(FieldEditor):
    """A word chosen from a list, or a value typed as text."""

    place = ("inputs", "ComboInput")


class RegionEditor(FieldEditor):
    """A region typed as text, or drawn."""

    place = ("inputs", "RegionInput")


class PathEditor(FieldEditor):
    """A path typed as text, or chosen."""

    place = ("inputs", "PathInput")
    #: Whether it is a folder.
    folder = t.Bool()


class CheckEditor(_QtFactory):
    """True and False, or a word and False."""

    place = ("inputs", "CheckInput")
    #: What stands beside the box.
    text = t.Str()


class FrameEditor(_QtFactory):
    """A number from 0 to `last`, by a slider and as a number."""

    place = ("inputs", "FrameInput")
    last = t.Int()


class ProgressEditor(_QtFactory):
    """The progress of a tool, for the trait `done`; not editable."""

    place = ("indicators", "Progress")


class NoticeEditor(_QtFactory):
    """What the user should read, coloured as the trait named `kind_name` says."""

    place = ("indicators", "Notice")
    kind_name = t.Str()


class CodeEditor(_QtFactory):
    """Python to read and to select."""

    place = ("indicators", "Code")


class PicturesEditor(_QtFactory):
    """The pictures of a tool, each on a tab."""

    place = ("figures", "Pictures")
