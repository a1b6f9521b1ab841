"""Host names, looked up by the C library, without stopping the other greenlets.

`call` runs a function of `_socket` that may ask a name server; the calling greenlet is parked
meanwhile. `numeric` turns the host of an address into digits, so that the system call that gets
the address has nothing to look up. The faces of the standard library are in `guv.green.names`.

Set ``GUV_NO_GREENDNS`` to any text to leave lookups as they are: they then stop the whole thread. With
``GUV_RESOLVER=dnspython`` that package asks the name servers (`guv.resolver.dnspython`).
"""

from .address import literals as literals
from .address import numeric as numeric
from .choice import ENABLED as ENABLED
from .lookup import call as call
from .lookup import getaddrinfo as getaddrinfo
