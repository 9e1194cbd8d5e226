"""Environments of their own, in which a wheel is installed as a person would install it."""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 600


@dataclass(frozen=True)
class CleanEnvironment:
    """A virtual environment that sees no package but those that are installed into it.

    Attributes:
        root: Its folder.
        constraints: File of versions for all that is installed.
    """

    root: Path
    constraints: Path

    @classmethod
    def create(cls, root: Path, constraints: Path) -> "CleanEnvironment":
        """Create an environment, with uv if it is on the path, which is ten times as fast as pip."""
        if uv := shutil.which("uv"):
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, root], check=True, timeout=_TIMEOUT)
        else:
            venv.EnvBuilder(with_pip=True).create(root)
        return cls(root, constraints)

    @property
    def programs(self) -> Path:
        """The folder of its programs."""
        return self.root / "bin"

    def install(self, *requirements: str | Path) -> None:
        """Install what pip would, with the constraints; without bytecode, which would double the time.

        Raises:
            RuntimeError: The installation failed; the message is the installer's.
        """
        python = str(self.programs / "python")
        if uv := shutil.which("uv"):
            command = [uv, "pip", "install", "--quiet", "--python", python]
        else:
            command = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
        done = self.run(*command, "--constraint", self.constraints, *requirements)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def run(
        self, *command: str | Path, stdin: str = "", folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that finds the environment's programs first and knows nothing of this process's settings."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NEXTWORD", "VIRTUAL"))
        }
        path = f"{self.programs}{os.pathsep}{kept.get('PATH', os.defpath)}"
        cache = {"NEXTWORD_CACHE": str(self.root / "nextword-cache")}
        return subprocess.run(
            [str(part) for part in command],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=folder or self.root,
            env=kept | cache | {"PATH": path},
            timeout=_TIMEOUT,
            check=False,
        )
