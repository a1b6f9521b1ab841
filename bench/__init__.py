"""guv beside gevent, eventlet, asyncio, uvloop, threads and a bare epoll loop in C. See README.md."""
