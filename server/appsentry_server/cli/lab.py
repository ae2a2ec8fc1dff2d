"""JupyterLab beside a server: started on a copy of the notebooks, found by what it says of itself, ended with it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appsentry_contract.errors import AppSentryError
from appsentry_server.clock import Clock

FIRST_NOTEBOOK = "01_live_dashboard.ipynb"
_READY_WITHIN_S = 60.0
_ENDS_WITHIN_S = 5


class LabError(AppSentryError, RuntimeError):
    """JupyterLab is not there or did not start."""


class Lab:
    """One JupyterLab process."""

    def __init__(self, process: subprocess.Popen[bytes], runtime: Path, log: Path) -> None:
        self._process = process
        self._runtime = runtime
        self._log = log

    @classmethod
    def start(cls, folder: Path, environment: Mapping[str, str]) -> "Lab":
        """Start JupyterLab with a copy of the notebooks below `folder`. Raises `LabError` when it is not installed."""
        if importlib.util.find_spec("jupyterlab") is None:
            raise LabError("JupyterLab is not installed: pip install 'appsentry[all]', or use --no-lab")
        notebooks, runtime, log = folder / "notebooks", folder / "jupyter-runtime", folder / "jupyterlab.log"
        _copy_notebooks(notebooks)
        settings = folder / "jupyterlab-settings"
        _quiet(settings)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={notebooks}"]
        command += ["--ServerApp.ip=127.0.0.1", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        if os.geteuid() == 0:
            command.append("--allow-root")
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own words
                command,
                env={
                    **os.environ,
                    **environment,
                    "JUPYTER_RUNTIME_DIR": str(runtime),
                    "JUPYTERLAB_SETTINGS_DIR": str(settings),
                    "JUPYTERLAB_WORKSPACES_DIR": str(folder / "jupyterlab-workspaces"),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, runtime, log)

    async def address(self, clock: Clock) -> str:
        """The address of the first notebook, once JupyterLab answers there. Raises `LabError`."""
        give_up = clock.monotonic() + _READY_WITHIN_S
        note = self._runtime / f"jpserver-{self._process.pid}.json"
        while clock.monotonic() < give_up:
            if self._process.poll() is not None:
                raise LabError(f"JupyterLab ended as it started; its output is in {self._log}")
            try:
                said = json.loads(note.read_text())
                return f"{said['url']}lab/tree/{FIRST_NOTEBOOK}?token={said['token']}"
            except (OSError, ValueError):
                # Not written yet, or only half.
                await clock.sleep(0.1)
        raise LabError(f"JupyterLab did not start within {_READY_WITHIN_S:g} s; its output is in {self._log}")

    def stop(self) -> None:
        """End it with its kernels."""
        self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _quiet(settings: Path) -> None:
    """Settings of the demo's own, that do not ask a newcomer whether to fetch news."""
    notification = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True, exist_ok=True)
    notification.write_text(json.dumps({"fetchNews": "false"}))


def _copy_notebooks(target: Path) -> None:
    """Copy what is not there yet, so that the originals stay as they are and a reader's own edits too.

    The histories that notebooks read go with them.
    """
    target.mkdir(parents=True, exist_ok=True)
    # Beside the source root in a clone, among the shared files of an installation.
    clone = Path(__file__).resolve().parents[3] / "notebooks"
    source = clone if clone.is_dir() else Path(sys.prefix) / "share" / "appsentry" / "notebooks"
    for original in sorted([*source.glob("*.ipynb"), *source.glob("data/*.parquet")]):
        copy = target / original.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(original, copy)
