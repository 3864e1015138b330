"""One step that pyproject.toml cannot say: `configs/` of the repository travels in the wheel as `netlesion/configs`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies `configs/` into the built package; an editable install reads the repository's own."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            inside = Path(self.build_lib, "netlesion", "configs")
            shutil.rmtree(inside, ignore_errors=True)  # of an earlier build in the same folder
            shutil.copytree("configs", inside)


setup(cmdclass={"build_py": BuildWithConfigs})
