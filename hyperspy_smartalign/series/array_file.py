"""Read an array from an .npy file that somebody else may have made."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def read_array(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """The array in an .npy file; nothing in it is unpickled.

    Parameters
    ----------
    path : path

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        It is truncated, damaged, of another kind, or holds Python objects. What it claims to
        hold is compared with its size before memory is taken.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise ValueError(f"its version {version} is not known")
            shape, _, dtype = read_header(file)
            if dtype.hasobject:
                raise ValueError("it holds Python objects, which are never read; save numbers")
            claimed = math.prod(shape) * dtype.itemsize
            held = os.fstat(file.fileno()).st_size - file.tell()
            if claimed > held or min(shape, default=0) < 0:
                raise ValueError(
                    f"it claims {shape} values of {dtype}, which are {claimed} bytes, and holds "
                    f"{held}: it may be truncated"
                )
            file.seek(0)
            array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # reading a damaged header raises anything
        raise ValueError(f"cannot read {str(place)!r} as an array: {error}") from error
    return array
