"""Files of strangers: nothing is unpickled or evaluated, and no path leads out of a folder."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.signals.motif.working_folder import MARKER, clean_up, intermediates
from hyperspy_smartalign.signals.spectra.states import read_state, write_state

ROOT = Path(hyperspy_smartalign.__file__).parent

# Calls and imports that run, or unpickle, what they are given.
FORBIDDEN = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "runpy",
    "subprocess",
    "os.system",
    "os.popen",
    "read_pickle",
    "literal_eval",
    "import_module",
}
# Module, and what in it is allowed, each with its reason.
ALLOWED = {
    # Text that the user types into a dialogue or a command; literals are numbers, texts and lists.
    ("gui/fields.py", "literal_eval"),
    ("cli/reading.py", "literal_eval"),
    # Modules of this package, or of scikit-learn, by names that stand in the code.
    ("__init__.py", "import_module"),
    ("gui/opening.py", "import_module"),
    ("gui/tools/tool.py", "import_module"),
    ("gui/desktop/factories.py", "import_module"),
    ("motif/classes.py", "import_module"),
}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def risks(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and names of what runs or unpickles something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            # re.compile makes a pattern, not code.
            names = [name] if name != "re.compile" else []
            names += [name.rpartition(".")[2]] if names and "." in name else []
            for option, harmless in (("shell", False), ("allow_pickle", False)):
                value = given.get(option)
                if value is not None and not (
                    isinstance(value, ast.Constant) and value.value is harmless
                ):
                    yield node.lineno, f"{option}="
            if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
                yield node.lineno, "np.load without allow_pickle=False"
            if name.endswith("Environment") and "autoescape" not in given:
                yield node.lineno, "Environment without autoescape"
            if name == "extractall" or name.endswith((".extractall", ".unpack_archive")):
                yield node.lineno, name
        else:
            continue
        for name in names:
            for part in {name, name.partition(".")[0]}:
                if part in FORBIDDEN:
                    yield node.lineno, part


def test_nothing_is_evaluated_or_unpickled() -> None:
    found = [
        (str(path.relative_to(ROOT)), name, line)
        for path in sorted(ROOT.rglob("*.py"))
        for line, name in risks(ast.parse(path.read_text()))
    ]
    assert [entry for entry in found if entry[:2] not in ALLOWED] == []
    # The list of exceptions does not outlive its reasons.
    assert {entry[:2] for entry in found} >= ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load('a')",
        "import numpy as np\nnp.load('a', allow_pickle=True)",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "Environment(loader=None)",
        "import os\nos.system('ls')",
        "archive.extractall('.')",
        "import yaml\nyaml.load('')",
        "from ast import literal_eval",
        "ast.literal_eval('1')",
    ],
)
def test_the_search_finds(code: str) -> None:
    assert list(risks(ast.parse(code)))


class TestStates:
    """The state of long work, in a hidden folder that anybody can write into."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "state"
        folder.mkdir()
        write_state(folder, 1, {"total": np.arange(4.0)}, details={}, fingerprint={"a": 1})
        np.save(tmp_path / "secret.npy", np.arange(3))
        return folder

    def changed(self, folder: Path, **values: Any) -> None:
        path = folder / "state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    @pytest.mark.parametrize("name", ["../secret.npy", "{above}/secret.npy", "", ".."])
    def test_arrays_are_those_of_the_folder(self, folder: Path, name: str) -> None:
        self.changed(folder, files={"total": name.format(above=folder.parent)})
        with pytest.raises((ValueError, OSError)):
            read_state(folder)

    def test_further_files_are_those_of_the_folder(self, folder: Path) -> None:
        self.changed(folder, details={"least_bytes": {"../secret.npy": 1}})
        with pytest.raises(ValueError, match=r"'../secret.npy' is no name of a file"):
            read_state(folder)

    def test_objects_are_not_read(self, folder: Path) -> None:
        (path,) = folder.glob("total.*.npy")
        np.save(path, np.array([{}], object), allow_pickle=True)
        with pytest.raises(ValueError, match=r"[Oo]bject"):
            read_state(folder)


class TestWorkingFolders:
    """A working folder that somebody else made."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "working"
        folder.mkdir()
        (folder / MARKER).write_text("{}")
        return folder

    def test_only_own_files_are_removed(self, folder: Path, tmp_path: Path) -> None:
        outside = tmp_path / "candidates_stage0_frame000000.npz"
        outside.write_bytes(b"precious")
        (folder / "candidates_stage0_frame000001.npz").symlink_to(outside)
        (folder / "candidates_stage0_frame000002.npz").write_bytes(b"ours")
        (folder / "candidates_stage0_frame000003.npz").mkdir()
        (folder / "notes.txt").write_text("precious")
        clean_up(folder)
        assert outside.read_bytes() == b"precious"
        assert {path.name for path in folder.iterdir()} == {
            "candidates_stage0_frame000001.npz",
            "candidates_stage0_frame000003.npz",
            "notes.txt",
        }

    def test_pickles_and_bombs_are_damaged_files(self, folder: Path) -> None:
        np.savez(
            folder / "candidates_stage0_frame000000.npz",
            y=np.array([{}], object),
            allow_pickle=True,
        )
        text = "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 1000000), }"
        header = b"\x93NUMPY\x01\x00v\x00" + text.ljust(117).encode() + b"\n"
        import zipfile

        path = folder / "motif_stage0.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("motif.npy", header + bytes(10**6))
        rows = intermediates(folder)
        assert len(rows) == 2
        assert not any(row.intact for row in rows)


def test_objects_in_metadata_are_refused(rigid: Any) -> None:
    for part, name in (("noise", "gain"), ("pairs", "shifts")):
        changed = rigid.deepcopy()
        node = changed.metadata.Smart_align[part]
        setattr(node, name, np.array([{"a": 1}], object))
        with pytest.raises(ValueError, match=f"{part} is corrupt"):
            getattr(changed.smartalign, part)
    changed = rigid.deepcopy()
    changed.metadata.Smart_align.shifts = np.array([[{}, 1]] * 6, object)
    with pytest.raises(ValueError, match="shifts"):
        _ = changed.smartalign.alignment
