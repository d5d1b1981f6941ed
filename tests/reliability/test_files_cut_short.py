"""Files that are truncated, damaged, or claim more than they hold."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import CliRunner

import hyperspy_smartalign
from hyperspy_smartalign.cli import smartalign
from hyperspy_smartalign.series.array_file import read_array
from hyperspy_smartalign.signals import claiming
from hyperspy_smartalign.signals.loading import SeriesFileError
from hyperspy_smartalign.transforms import Alignment, AlignmentFormatError

SMALL = "rsciio-small-vendor/"
REAL = (
    "16x16x5_STEM_BF_DF_preview_1.ser",
    "Custom_movie.mrc",
    "panta_rhei_sample.prz",
    "test_loading_image_saved_with_DM_stack.tif",
    "test_loading_image_saved_with_imageJ_stack.tif",
    "test_stackbuilder_imagestack.dm3",
    "test_STEM_image.dm3",
    "STEM HAADF Diffraction Micro.emd",
)
MORE = (
    "16x16-spectrum_image_5x5x4000-not_square_1.ser",
    "64x64x5_TEM_preview_1.ser",
    "EELS_SI.dm4",
    "STEM HAADF-DF4-DF2-BF Diffraction Micro.emd",
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning"),
    pytest.mark.filterwarnings("ignore:The NestedDirectoryStore:FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def pixels(loaded: Any) -> list[np.ndarray]:
    signals = loaded.values() if isinstance(loaded, dict) else [loaded]
    return [np.asarray(signal.data) for signal in signals]


def right_or_refused(path: Path, whole: list[np.ndarray], *, lazy: bool) -> bool:
    """Whether a file could be loaded; then its pixels must be those of the whole file."""
    try:
        found = pixels(hyperspy_smartalign.load_series(path, lazy=lazy))
    except SeriesFileError as error:
        assert path.name in str(error)  # noqa: PT017
        return False
    assert len(found) == len(whole)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, whole, strict=True))
    return True


def cut(content: bytes, *, many: bool) -> list[int]:
    n = len(content)
    few = {0, 40, n // 2, 3 * n // 4}
    more = {1, 7, 100, 500, n // 4, n - 1000, n - 8, n - 1}
    return sorted(k for k in (few | more if many else few) if 0 <= k < n)


def truncated_files(path: Path, folder: Path, within: Any, *, many: bool) -> None:
    content = path.read_bytes()
    whole = pixels(hyperspy_smartalign.load_series(path))
    loaded = 0
    for kept in cut(content, many=many):
        short = folder / f"cut_{kept}{path.suffix}"
        short.write_bytes(content[:kept])
        for lazy in (False, True) if many else (False,):
            with within(30):
                loaded += right_or_refused(short, whole, lazy=lazy)
        short.unlink()
    assert loaded < len(cut(content, many=many))


@pytest.mark.parametrize("name", REAL)
def test_truncated_files_of_microscopes(
    shared_data: Any, tmp_path: Path, within: Any, name: str
) -> None:
    truncated_files(shared_data(SMALL + name), tmp_path, within, many=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL + MORE)
def test_files_truncated_anywhere(shared_data: Any, tmp_path: Path, within: Any, name: str) -> None:
    truncated_files(shared_data(SMALL + name), tmp_path, within, many=True)


@pytest.mark.parametrize("suffix", [".hspy", ".tif", ".nxs", ".emd"])
def test_truncated_files_of_hyperspy(series: Any, tmp_path: Path, within: Any, suffix: str) -> None:
    path = tmp_path / f"whole{suffix}"
    hs.signals.Signal2D(np.array(series.data[:3], np.float32)).save(path)
    truncated_files(path, tmp_path, within, many=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL + MORE)
def test_files_with_changed_bytes(shared_data: Any, tmp_path: Path, within: Any, name: str) -> None:
    content = shared_data(SMALL + name).read_bytes()
    chance = random.Random(5)
    for number in range(30):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 1, 4, 20])):
            place = chance.randrange(min(len(content), chance.choice([64, 512, 4096, 10**9])))
            changed[place] = chance.choice([0, 127, 128, 255, chance.randrange(256)])
        path = tmp_path / f"changed_{number}{Path(name).suffix}"
        path.write_bytes(changed)
        for lazy in (False, True):
            with within(60):
                try:
                    hyperspy_smartalign.load_series(path, lazy=lazy)
                except SeriesFileError as error:
                    assert path.name in str(error)  # noqa: PT017


class TestClaims:
    """What is claimed is compared with what is there before the reader is asked."""

    @pytest.fixture(autouse=True)
    def _reader_is_not_asked(self, request: Any, monkeypatch: Any) -> None:
        if "honest" not in request.node.name:
            monkeypatch.setattr(hs, "load", lambda *_, **__: pytest.fail("the reader was asked"))

    def refused(self, path: Path, *words: str) -> None:
        for lazy in (False, True):
            with pytest.raises(SeriesFileError) as caught:
                hyperspy_smartalign.load_series(path, lazy=lazy)
            assert path.name in str(caught.value)
            assert "leave it out of the series" in str(caught.value)
            assert all(word in str(caught.value) for word in words)

    @pytest.mark.parametrize(
        ("shape", "words"),
        [
            ((10**6, 10**6, 1), "claims 1 x 1000000 x 1000000 values"),
            ((16, 16, 2**32 - 1), "claims 4294967295 x 16 x 16 values"),
            ((0, 2**31, 2**31), "no pixels"),
            ((16, 16, 31), "15360 bytes are there"),
        ],
    )
    def test_mrc(
        self, shared_data: Any, tmp_path: Path, shape: tuple[int, ...], words: str
    ) -> None:
        content = bytearray(shared_data(SMALL + "Custom_movie.mrc").read_bytes())
        content[:12] = struct.pack("<3I", *shape)
        (tmp_path / "claims.mrc").write_bytes(content)
        self.refused(tmp_path / "claims.mrc", words)

    @pytest.mark.parametrize("compression", [None, "gzip"])
    def test_hspy(self, tmp_path: Path, compression: str | None) -> None:
        path = tmp_path / "claims.hspy"
        with h5py.File(path, "w") as file:
            group = file.create_group("Experiments/a")
            shape = (100, 10**5, 10**5)
            group.create_dataset(
                "data", shape, "f4", chunks=(1, 1024, 1024), compression=compression
            )
        assert path.stat().st_size < 10**5
        self.refused(path, "claims 100 x 100000 x 100000 values, which are 4e+12 bytes")

    def test_zspy(self, series: Any, tmp_path: Path) -> None:
        path = tmp_path / "claims.zspy"
        hs.signals.Signal2D(np.array(series.data)).save(path)
        (header,) = path.glob("Experiments/*/data/.zarray")
        content = json.loads(header.read_text())
        header.write_text(json.dumps({**content, "shape": [6, 10**6, 10**6]}))
        self.refused(path, "claims 6 x 1000000 x 1000000 values")

    @pytest.mark.parametrize("kind", ["DM", "imageJ"])
    def test_pages_of_tiff(self, shared_data: Any, tmp_path: Path, kind: str) -> None:
        content = shared_data(f"{SMALL}test_loading_image_saved_with_{kind}_stack.tif").read_bytes()
        path = tmp_path / "cut.tif"
        path.write_bytes(content[: len(content) // 2])
        self.refused(path, "page 1 (counted from 0) begins at byte")

    def test_honest_files_are_read(
        self, tmp_path: Path, monkeypatch: Any, shared_data: Any
    ) -> None:
        # Blank frames are what is compressed best.
        monkeypatch.setattr(claiming, "_HARMLESS", 1000)
        blank = hs.signals.Signal2D(np.zeros((4, 512, 512), np.float32))
        for suffix in (".hspy", ".zspy", ".tif"):
            blank.save(tmp_path / f"blank{suffix}")
            loaded = hyperspy_smartalign.load_series(tmp_path / f"blank{suffix}")
            assert loaded.data.shape == (4, 512, 512)
        for name in ("Custom_movie.mrc", "STEM HAADF Diffraction Micro.emd"):
            hyperspy_smartalign.load_series(shared_data(SMALL + name))

    def test_honest_pages_of_big_and_big_endian_tiff(self, tmp_path: Path) -> None:
        import tifffile

        data = np.random.default_rng(0).integers(0, 99, (5, 32, 40)).astype(np.uint16)
        for order in "<>":
            for big in (False, True):
                path = tmp_path / f"{ord(order)}{big}.tif"
                tifffile.imwrite(path, data, byteorder=order, bigtiff=big, metadata=None)
                np.testing.assert_array_equal(hyperspy_smartalign.load_series(path).data, data)
                with path.open("rb") as file:
                    assert len(list(claiming._page_offsets(file))) == 5

    def test_honest_pages_in_a_circle_come_to_an_end(self, tmp_path: Path) -> None:
        path = tmp_path / "circle.tif"
        path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<HI", 0, 8) + bytes(50))
        with path.open("rb") as file:
            assert list(claiming._page_offsets(file)) == [8]


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True])
def test_no_memory_is_taken_for_claims(shared_data: Any, tmp_path: Path, lazy: bool) -> None:
    content = bytearray(shared_data(SMALL + "Custom_movie.mrc").read_bytes())
    content[:12] = struct.pack("<3I", 0, 0, 2**31 - 1)
    (tmp_path / "a.mrc").write_bytes(content)
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file.create_dataset("Experiments/a/data", (100, 10**5, 10**5), "f4", chunks=True)
    code = (
        "import resource, sys\n"
        "import hyperspy_smartalign\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[2:]:\n"
        "    try:\n"
        "        hyperspy_smartalign.load_series(path, lazy=sys.argv[1] == 'True')\n"
        "    except ValueError:\n"
        "        pass\n"
        "    else:\n"
        "        sys.exit('loaded')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    files = [str(tmp_path / name) for name in ("a.mrc", "a.hspy")]
    done = subprocess.run(
        [sys.executable, "-c", code, str(lazy), *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(done.stdout) < 400_000  # kB; the readers themselves are about 150 MB


class TestDamagedChunks:
    """A compressed series of which one frame cannot be read; lazily that shows late."""

    @pytest.fixture
    def damaged(self, series: Any, tmp_path: Path) -> Any:
        def make(frame: int) -> Path:
            path = tmp_path / f"damaged_{frame}.hspy"
            signal = hs.signals.Signal2D(np.array(series.data, np.float32))
            signal.save(path, chunks=(1, 64, 72))
            with h5py.File(path) as file:
                (group,) = file["Experiments"].values()
                chunks = [group["data"].id.get_chunk_info(i) for i in range(6)]
            (chunk,) = [chunk for chunk in chunks if chunk.chunk_offset[0] == frame]
            content = bytearray(path.read_bytes())
            for place in range(chunk.byte_offset + 50, chunk.byte_offset + 90):
                content[place] ^= 0x5A
            path.write_bytes(content)
            return path

        return make

    @pytest.mark.parametrize("frame", [0, 3, 5])
    def test_all_at_once(self, damaged: Any, frame: int) -> None:
        with pytest.raises(SeriesFileError, match=rf"cannot read .*damaged_{frame}\.hspy"):
            hyperspy_smartalign.load_series(damaged(frame))

    @pytest.mark.parametrize("frame", [0, 5])
    def test_lazily_at_the_ends(self, damaged: Any, frame: int) -> None:
        with pytest.raises(SeriesFileError, match=rf"cannot read .*damaged_{frame}\.hspy"):
            hyperspy_smartalign.load_series(damaged(frame), lazy=True)

    def test_lazily_in_the_middle(self, damaged: Any) -> None:
        lazy = hyperspy_smartalign.load_series(damaged(3), lazy=True)
        with pytest.raises(OSError, match=r"frame 3 \(counted from 0\) cannot be read.*skip="):
            lazy.align_rigid()
        rest = lazy.smartalign.prepare(skip=[3]).align_rigid(refinements=0)
        assert rest.smartalign.alignment.n_frames == 5


class TestAlignmentFiles:
    @pytest.fixture(scope="class")
    def content(self, nonrigid: Any, tmp_path_factory: Any) -> bytes:
        path = tmp_path_factory.mktemp("whole") / "a.npz"
        nonrigid.smartalign.alignment.save(path)
        return path.read_bytes()

    def test_cut_anywhere(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        for kept in [*range(0, len(content), max(len(content) // 60, 1)), len(content) - 1]:
            path.write_bytes(content[:kept])
            with pytest.raises(AlignmentFormatError, match=r"a\.npz: "):
                Alignment.load(path)

    def test_changed_bytes(self, content: bytes, tmp_path: Path, nonrigid: Any) -> None:
        path, chance = tmp_path / "a.npz", random.Random(2)
        for _ in range(150):
            changed = bytearray(content)
            for _ in range(chance.choice([1, 1, 5])):
                changed[chance.randrange(len(content))] = chance.randrange(256)
            path.write_bytes(changed)
            try:
                found = Alignment.load(path)
            except AlignmentFormatError as error:
                assert "a.npz" in str(error)  # noqa: PT017
            else:  # the byte was one of those that mean nothing, such as a date
                assert found == nonrigid.smartalign.alignment

    @pytest.mark.parametrize("claim", ["shape", "zeros", "outside", "objects"])
    def test_claims(self, content: bytes, tmp_path: Path, claim: str) -> None:
        (tmp_path / "a.npz").write_bytes(content)
        with zipfile.ZipFile(tmp_path / "a.npz") as old:
            members = {name: old.read(name) for name in old.namelist()}
        name = next(name for name in members if name.endswith(".npy"))
        header = b"\x93NUMPY\x01\x00v\x00"
        kind = "|O" if claim == "objects" else "<f8"
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (10000000000, 100), }}"
        members[name] = header + text.ljust(117).encode() + b"\n" + bytes(10**6)
        if claim == "outside":
            members["../../outside.npy"] = members.pop(name)
        with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as new:
            for member, data in members.items():
                new.writestr(member, data)
        with pytest.raises(AlignmentFormatError, match=r"b\.npz"):
            Alignment.load(tmp_path / "b.npz")
        assert not list(tmp_path.parent.parent.glob("outside*"))


class TestArrayFiles:
    @pytest.mark.parametrize(
        "array", [np.arange(6.0).reshape(2, 3), np.array(3, np.int8), np.zeros((0, 4))]
    )
    def test_whole(self, tmp_path: Path, array: np.ndarray) -> None:
        np.save(tmp_path / "a.npy", array)
        found = read_array(tmp_path / "a.npy")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)

    def test_cut_anywhere(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npy"
        np.save(path, np.arange(20.0))
        content = path.read_bytes()
        for kept in range(len(content)):
            path.write_bytes(content[:kept])
            with pytest.raises(ValueError, match=r"cannot read '.*a\.npy' as an array"):
                read_array(path)

    def test_claims_and_objects(self, tmp_path: Path) -> None:
        np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
        with pytest.raises(ValueError, match="Python objects, which are never read"):
            read_array(tmp_path / "o.npy")
        text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
        content = b"\x93NUMPY\x01\x00v\x00" + text.ljust(117).encode() + b"\n" + bytes(800)
        (tmp_path / "h.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"claims \(1000000, 1000000\).*holds 800"):
            read_array(tmp_path / "h.npy")
        np.savez(tmp_path / "z.npz", np.zeros(3))
        (tmp_path / "z.npz").rename(tmp_path / "z.npy")
        with pytest.raises(ValueError, match="cannot read"):
            read_array(tmp_path / "z.npy")

    def test_on_the_command_line(self, series: Any, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.chdir(tmp_path)
        series.save("s.hspy")
        np.save("t.npy", np.zeros((9, 9)))
        Path("t.npy").write_bytes(Path("t.npy").read_bytes()[:-8])
        result = CliRunner().invoke(
            smartalign, ["motif", "s.hspy", "--template", "t.npy", "-o", "o.hspy"]
        )
        assert result.exit_code == 1
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
        assert "cannot read 't.npy' as an array" in line
        assert "truncated" in line
        assert not Path("o.hspy").exists()


@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_truncated_files_on_the_command_line(
    series: Any, rigid: Any, tmp_path: Path, contents: Any, monkeypatch: Any, kept: float
) -> None:
    monkeypatch.chdir(tmp_path)
    series.save("s.hspy")
    rigid.save("al.hspy")
    rigid.smartalign.alignment.save("al.npz")
    for name in ("s.hspy", "al.hspy", "al.npz"):
        whole = Path(name).read_bytes()
        Path("cut" + name).write_bytes(whole[: int(kept * len(whole))])
    before = contents(tmp_path)
    for arguments in (
        ("info", "cuts.hspy"),
        ("info", "cutal.npz"),
        ("rigid", "cuts.hspy", "-o", "o.hspy"),
        ("nonrigid", "cuts.hspy", "-o", "o.hspy"),
        ("apply", "cutal.npz", "s.hspy", "-o", "o.hspy"),
        ("apply", "cutal.hspy", "s.hspy", "-o", "o.hspy"),
        ("apply", "al.npz", "cuts.hspy", "-o", "o.hspy"),
        ("motif", "cuts.hspy", "--template", "0,8,0,8", "-o", "o.hspy"),
        ("motif", "s.hspy", "--template", "cutal.hspy", "-o", "o.hspy"),
    ):
        result = CliRunner().invoke(smartalign, list(arguments))
        assert result.exit_code == 1, arguments
        assert "Traceback" not in result.stderr
        lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
        assert len(lines) == 1, arguments
        assert "cut" in lines[0]
        assert contents(tmp_path) == before
