"""Tell setuptools how guv's extension is built; everything else is in ``pyproject.toml``."""

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import ExecError

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))  # for a direct run: pip puts it there itself (backend-path)

from guv_build import extension  # noqa: E402
from guv_build.errors import BuildError  # noqa: E402


class BuildGoExtension(build_ext):
    """``build_ext`` by gopy and the Go compiler instead of distutils' C compiler."""

    def build_extension(self, ext):
        """Build the one extension into the place setuptools wants it: the wheel's tree, or the source tree."""
        target = Path(self.get_ext_fullpath(ext.name)).parent
        try:
            extension.build(ROOT, target)
        except BuildError as error:
            raise ExecError(str(error)) from None  # setuptools prints this as one "error: …" line


class CleanBuild(build):
    """``build`` into an empty folder: setuptools keeps it between runs, and would ship modules deleted meanwhile."""

    def run(self):
        """Build everything anew; the extension comes from the cache."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(
    ext_modules=[Extension(f"{extension.PACKAGE}.{extension.MODULE}", sources=[])],
    cmdclass={"build": CleanBuild, "build_ext": BuildGoExtension},
)
