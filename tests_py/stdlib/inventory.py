"""Each public callable of the covered modules that `monkey_patch` leaves alone, and why it may.

By module and reason; a class's methods are written Class.method, ``Class.*`` stands for the class and all of them.
Names of all supported versions of Python stand here; which of them exist is for the interpreter to say.
"""

from __future__ import annotations

from typing import Final

#: Why a callable that is not patched does not stop the other greenlets.
ON_TOP = "is Python code over what is patched"
TALKS = "only asks or sets something in the process or the kernel; does not wait"
NUMBERS = "computes"
FILES = "works on the file system, which no event tells of; as with threads it takes what the disk takes"
CHILD = "starts or changes a process; does not wait for it"
HELPER = "makes an object that is green by itself, or is its base class"
UNSEEN = "waits for nothing a greenlet could be switched for: the process ends or becomes another"

UNPATCHED: Final[dict[str, dict[str, str]]] = {
    "_thread": {
        TALKS: "daemon_threads_allowed get_native_id interrupt_main stack_size set_name",
        "raises SystemExit in the greenlet that calls it": "exit exit_thread",
    },
    "threading": {
        ON_TOP: "Barrier.* BoundedSemaphore.* Condition.* Event.* Semaphore.* Thread.* Timer.* RLock",
        TALKS: "activeCount active_count currentThread current_thread enumerate get_native_id main_thread stack_size",
        "takes effect in threads that start later": "getprofile gettrace setprofile settrace setprofile_all_threads "
        "settrace_all_threads",
    },
    "queue": {ON_TOP: "LifoQueue.* PriorityQueue.* Queue.*"},
    "sched": {ON_TOP: "scheduler.*"},
    "concurrent.futures": {ON_TOP: "Executor.* Future.* as_completed wait ThreadPoolExecutor.* ProcessPoolExecutor.*"},
    "time": {
        TALKS: "clock_getres clock_gettime clock_gettime_ns clock_settime clock_settime_ns get_clock_info monotonic monotonic_ns "
        "perf_counter perf_counter_ns process_time process_time_ns pthread_getcpuclockid thread_time thread_time_ns time "
        "time_ns tzset",
        NUMBERS: "asctime ctime gmtime localtime mktime strftime strptime",
    },
    "select": {},
    "selectors": {
        HELPER: "BaseSelector BaseSelector.select DefaultSelector SelectSelector PollSelector EpollSelector",
        TALKS: "BaseSelector.* DefaultSelector.* SelectSelector.* PollSelector.* EpollSelector.*",
    },
    "signal": {
        TALKS: "alarm default_int_handler getitimer pidfd_send_signal raise_signal setitimer siginterrupt "
        "sigpending strsignal valid_signals",
    },
    "fcntl": {"asks a driver; the requests that could wait are the driver's own": "ioctl"},
    "socket": {
        ON_TOP: "SocketIO.* create_connection create_server fromfd getaddrinfo getfqdn recv_fds send_fds socket socket.dup "
        "socket.makefile socket.sendfile socketpair has_dualstack_ipv6",
        TALKS: "close dup getdefaulttimeout gethostname if_indextoname if_nameindex if_nametoindex setdefaulttimeout sethostname "
        "socket.fileno socket.get_inheritable socket.getpeername socket.getsockname socket.getsockopt "
        "socket.set_inheritable socket.setsockopt socket.shutdown",
        "reads /etc/protocols or /etc/services": "getprotobyname getservbyname getservbyport",
        "hands work to the kernel's cryptography": "socket.sendmsg_afalg",
        "is the C class under `socket`, whose methods are patched there": "SocketType.*",
        NUMBERS: "CMSG_LEN CMSG_SPACE htonl htons inet_aton inet_ntoa inet_ntop inet_pton ntohl ntohs",
    },
    "ssl": {
        ON_TOP: "SSLSocket.* SSLContext.wrap_socket create_default_context get_server_certificate wrap_socket",
        "works on memory": "MemoryBIO.* SSLObject.* SSLSession SSLContext.wrap_bio",
        TALKS: "SSLContext.* get_default_verify_paths",
        NUMBERS: "DER_cert_to_PEM_cert PEM_cert_to_DER_cert RAND_add RAND_bytes RAND_pseudo_bytes RAND_status "
        "cert_time_to_seconds get_protocol_name match_hostname",
    },
    "subprocess": {
        ON_TOP: "Popen.* call check_call check_output getoutput getstatusoutput run",
        NUMBERS: "CompletedProcess.* list2cmdline",
    },
    "os": {
        ON_TOP: "fdopen popen spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe",
        CHILD: "fork forkpty register_at_fork unshare",
        UNSEEN: "abort execl execle execlp execlpe execv execve execvp execvpe",
        FILES: "DirEntry.* access chdir chmod chown chroot copy_file_range fchdir fchmod fchown fdatasync fstat fstatvfs fsync ftruncate "
        "fwalk getxattr lchmod lchown link listdir listxattr lseek lstat makedirs mkdir mkfifo mknod posix_fadvise posix_fallocate "
        "pread preadv pwrite pwritev readlink remove removedirs removexattr rename renames replace rmdir scandir setxattr stat "
        "statvfs symlink sync truncate unlink utime walk",
        TALKS: "confstr cpu_count ctermid dup eventfd fpathconf get_blocking get_exec_path get_inheritable get_terminal_size "
        "getcwd getcwdb getegid getenv getenvb geteuid getgid getgrouplist getgroups getloadavg getlogin getpgid getpgrp getpid "
        "getppid getpriority getrandom getresgid getresuid getsid getuid grantpt initgroups isatty kill killpg login_tty "
        "memfd_create nice openpty pathconf pidfd_open pipe pipe2 posix_openpt process_cpu_count ptsname putenv "
        "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler "
        "sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler sched_yield set_blocking set_inheritable "
        "setegid seteuid setgid setgroups setns setpgid setpgrp setpriority setregid setresgid setresuid setreuid setsid setuid "
        "sysconf tcgetpgrp tcsetpgrp timerfd_create timerfd_gettime timerfd_gettime_ns timerfd_settime timerfd_settime_ns times "
        "ttyname umask uname unlockpt unsetenv urandom",
        NUMBERS: "PathLike WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG device_encoding "
        "fsdecode fsencode fspath major makedev minor strerror waitstatus_to_exitcode",
    },
}  # fmt: skip
