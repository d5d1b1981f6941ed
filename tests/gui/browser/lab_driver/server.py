"""A JupyterLab of its own: nothing of the user's is read or written."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat

#: Time that the server has to start, s.
_PATIENCE = 60.0

#: What would otherwise come up on the page, or make it differ from run to run.
_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Light"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {
        "codeCellConfig": {"autoClosingBrackets": False},
    },
}


class LabServer:
    """A JupyterLab server whose kernels are this interpreter.

    Parameters
    ----------
    folder : Path
        Of the server alone: home, settings, notebooks.
    theme : str
        "Light" or "Dark".
    """

    def __init__(self, folder: Path, theme: str = "Light") -> None:
        self.folder, self.notebooks = folder, folder / "notebooks"
        self.log = folder / "server.log"
        self._settings = folder / "settings.json"
        self.token = secrets.token_hex(16)
        settings = {
            **_SETTINGS,
            "@jupyterlab/apputils-extension:themes": {"theme": f"JupyterLab {theme}"},
        }
        labconfig = folder / "config" / "labconfig"
        for made in (self.notebooks, labconfig, folder / "runtime", folder / "home"):
            made.mkdir(parents=True)
        (labconfig / "default_setting_overrides.json").write_text(json.dumps(settings))
        self._process = self._start()
        try:
            self.port = self._wait()
        except BaseException:
            self.close()
            raise

    def write(self, name: str, cells: list[str]) -> str:
        """Write a notebook, and return its address."""
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
        )
        nbformat.write(book, self.notebooks / f"{name}.ipynb")
        return f"http://127.0.0.1:{self.port}/doc/tree/{name}.ipynb?token={self.token}"

    def forget_settings(self) -> None:
        """Forget the last used values of the dialogues."""
        self._settings.unlink(missing_ok=True)

    def stop_kernels(self) -> None:
        """End all kernels, so that none works on beside the next test."""
        for kernel in json.loads(self._ask("GET", "kernels")):
            self._ask("DELETE", f"kernels/{kernel['id']}")

    def close(self) -> None:
        """Stop the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, method: str, what: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{what}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def _start(self) -> subprocess.Popen[bytes]:
        folder = self.folder
        environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "MPLCONFIGDIR": str(folder / "home" / "matplotlib"),
            "IPYTHONDIR": str(folder / "home" / "ipython"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_TOKEN": self.token,
            "HYPERSPY_SMARTALIGN_SETTINGS": str(self._settings),
        }
        # The kernels choose the backend of matplotlib by a magic, as in a notebook of a user.
        environment.pop("MPLBACKEND", None)
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", "--port=0", "--LabApp.extension_manager=readonly"),
            f"--ServerApp.root_dir={self.notebooks}",
        ]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
            )

    def _wait(self) -> int:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            for file in (self.folder / "runtime").glob("jpserver-*.json"):
                port = json.loads(file.read_text() or "{}").get("port")
                if port:
                    return int(port)
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")
