"""Build guv's extension module from its Go packages; used by ``setup.py``, the PEP 517 backend and ``make ext``.

Nothing here is installed. The parts: :mod:`~guv_build.toolchain` finds Go and the C compiler, :mod:`~guv_build.cache`
names and keeps finished modules by content, :mod:`~guv_build.extension` runs gopy and the compilers, and
:mod:`~guv_build.backend` tells pip what to fetch first.
"""
