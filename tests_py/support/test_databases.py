"""Database drivers: each waits for a lock that another greenlet gives back."""

from __future__ import annotations

from collections.abc import Callable

Program = Callable[..., str]


def test_psycopg2_waits_for_a_lock_of_another_greenlet(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg2",
            """
        import psycopg2
        holder, waiter = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
        holder.cursor().execute("select pg_advisory_lock(1)")
        after_a_turn(holder.close)
        cursor = waiter.cursor()
        cursor.execute("select pg_advisory_lock(1), 'mine'")
        print(cursor.fetchone()[1])
        """,
            args=(postgres,),
        )
        == "mine\n"
    )


def test_psycopg2_shared_connection_serves_greenlets_in_turn(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg2",
            """
        import psycopg2
        shared = psycopg2.connect(sys.argv[1])
        def ask(i):
            with shared.cursor() as cursor:
                cursor.execute("select %s from pg_sleep(0.01)", (i,))
                return cursor.fetchone()[0]
        print(together(ask, 5))
        """,
            args=(postgres,),
        )
        == "[0, 1, 2, 3, 4]\n"
    )


def test_psycopg2_killed_query_is_cancelled_on_the_server(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg2",
            """
        import psycopg2
        victim, other = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
        other.autocommit = True
        ask = other.cursor()
        def state():
            ask.execute("select count(*) from pg_stat_activity where query like 'select pg_sleep(1000%'")
            return ask.fetchone()[0]
        sleeper = guv.spawn(victim.cursor().execute, "select pg_sleep(1000)")
        while not state():
            guv.sleep(0.01)
        sleeper.kill()
        while state():
            guv.sleep(0.01)
        print(victim.closed != 0)
        """,
            args=(postgres,),
        )
        == "True\n"
    )


def test_psycopg2_copy_and_large_objects_yield(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg2",
            """
        import io, psycopg2, psycopg2.extras
        from psycopg2 import extensions, sql
        db, holder = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
        cursor = db.cursor()
        cursor.execute("create temp table t (a int, b text)")
        rows = "".join(f"{i}\\t{'x' * 500}\\n" for i in range(5000))
        cursor.copy_from(io.StringIO(rows), "t", columns=("a", "b"))
        out = io.StringIO()
        cursor.copy_to(out, "t")
        print(out.getvalue() == rows)
        out = io.BytesIO()
        with db.cursor(cursor_factory=psycopg2.extras.DictCursor) as other:
            other.copy_expert(sql.SQL("copy (select {}) to stdout").format(sql.Literal(5)), out)
        print(out.getvalue())
        holder.cursor().execute("select pg_advisory_lock(1)")
        after_a_turn(holder.close)
        cursor.copy_expert("copy (select pg_advisory_lock(1)) to stdout", io.StringIO())
        large = db.lobject(0, "wb")
        print(large.write(b"z" * 1_000_000))
        number = large.oid
        large.close()
        print(len(db.lobject(number, "rb").read()))
        print(extensions.get_wait_callback().__module__)
        """,
            args=(postgres,),
        )
        == "True\nb'5\\n'\n1000000\n1000000\nguv.support.psycopg2\n"
    )


def test_psycopg2_notification_wakes_a_select(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg2",
            """
        import select, psycopg2
        listener, speaker = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
        listener.autocommit = speaker.autocommit = True
        listener.cursor().execute("listen news")
        after_a_turn(speaker.cursor().execute, "notify news, 'hello'")
        select.select([listener], [], [])
        listener.poll()
        print([notice.payload for notice in listener.notifies])
        """,
            args=(postgres,),
        )
        == "['hello']\n"
    )


def test_psycopg_waits_for_a_lock_of_another_greenlet(program: Program, postgres: str) -> None:
    assert (
        program(
            "psycopg",
            """
        import psycopg
        holder, waiter = psycopg.connect(sys.argv[1]), psycopg.connect(sys.argv[1])
        holder.execute("select pg_advisory_lock(1)")
        after_a_turn(holder.close)
        print(waiter.execute("select pg_advisory_lock(1), 'mine'").fetchone()[1])
        with waiter.cursor().copy("copy (select 7) to stdout") as copy:
            print(list(copy.rows()))
        """,
            args=(postgres,),
        )
        == "mine\n[('7',)]\n"
    )


LOCK = """
    holder, waiter = connect(), connect()
    holder.cursor().execute("select get_lock('guv', 30)")
    after_a_turn(holder.close)
    cursor = waiter.cursor()
    cursor.execute("select get_lock('guv', 30), 'mine'")
    print(cursor.fetchone())
    cursor.execute("select repeat('x', 1000000)")
    print(len(cursor.fetchone()[0]))
    cursor.execute("select length(%s)", ("y" * 1_000_000,))
    print(cursor.fetchone())
"""


def test_mysqlclient_waits_for_a_lock_of_another_greenlet(program: Program, mariadb_port: int) -> None:
    code = """
    import MySQLdb
    def connect(**options):
        return MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[1]), user="guv", database="test", **options)
    """ + LOCK + """
    slow = connect(read_timeout=1)
    try:
        slow.cursor().execute("select sleep(20)")
    except MySQLdb.OperationalError as error:
        print(error.args[0])
    """  # fmt: skip
    assert program("MySQLdb", code, args=(mariadb_port,)) == "(1, 'mine')\n1000000\n(1000000,)\n2013\n"


def test_pymysql_waits_for_a_lock_of_another_greenlet(program: Program, mariadb_port: int) -> None:
    code = """
    import pymysql
    def connect():
        return pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="guv", database="test")
    """ + LOCK  # fmt: skip
    assert program("pymysql", code, args=(mariadb_port,)) == "(1, 'mine')\n1000000\n(1000000,)\n"


def test_redis_waits_for_what_another_greenlet_pushes(program: Program, redis_port: int) -> None:
    assert (
        program(
            "redis",
            """
        import redis
        client = redis.Redis(port=int(sys.argv[1]))
        after_a_turn(client.rpush, "list", "pushed")
        print(client.blpop("list", timeout=30))
        topic = client.pubsub()
        topic.subscribe("news")
        after_a_turn(client.publish, "news", "told")
        print([m["data"] for _, m in zip(range(2), topic.listen())])
        """,
            args=(redis_port,),
        )
        == "(b'list', b'pushed')\n[1, b'told']\n"
    )


def test_pymemcache_pool_serves_greenlets(program: Program, memcached_port: int) -> None:
    assert (
        program(
            "pymemcache",
            """
        from pymemcache.client.base import PooledClient
        client = PooledClient(("127.0.0.1", int(sys.argv[1])), max_pool_size=5)
        def use(i):
            client.set(f"key{i}", str(i))
            return client.get(f"key{i}")
        print(together(use, 5))
        """,
            args=(memcached_port,),
        )
        == "[b'0', b'1', b'2', b'3', b'4']\n"
    )


def test_sqlite3_waits_for_a_lock_of_another_greenlet(program: Program) -> None:
    assert (
        program(
            """
        import sqlite3
        holder = sqlite3.connect("file.db", isolation_level=None, check_same_thread=False)
        holder.executescript("create table t (a); begin immediate")
        waiter = sqlite3.connect("file.db", timeout=30)
        after_a_turn(holder.execute, "commit")
        waiter.execute("insert into t values (1)")
        waiter.commit()
        holder.execute("begin immediate")
        impatient = sqlite3.connect("file.db", timeout=0.01)
        try:
            impatient.execute("insert into t values (2)")
        except sqlite3.OperationalError as error:
            print(error)
        """
        )
        == "database is locked\n"
    )


def test_sqlite3_factory_may_return_what_is_no_open_connection(program: Program) -> None:
    assert (
        program(
            """
        import sqlite3
        class Unopened(sqlite3.Connection):
            def __init__(self, *args, **kwargs):
                pass
        def closed(*args, **kwargs):
            connection = sqlite3.Connection(*args, **kwargs)
            connection.close()
            return connection
        for factory in Unopened, closed, lambda *args, **kwargs: [args[0]]:
            print(type(sqlite3.connect(":memory:", factory=factory)).__name__)
        """
        )
        == "Unopened\nConnection\nlist\n"
    )


def test_sqlalchemy_pool_under_contention_gives_each_greenlet_its_own(program: Program, postgres: str) -> None:
    assert program(
        "sqlalchemy", "psycopg2",
        """
        import psycopg2, sqlalchemy as sa
        from sqlalchemy.pool import QueuePool
        engine = sa.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(sys.argv[1]),
                                  poolclass=QueuePool, pool_size=2, max_overflow=1, pool_timeout=30, pool_pre_ping=True)
        inside = set()
        def use(i):
            with engine.connect() as db:
                pid = db.scalar(sa.text("select pg_backend_pid()"))
                assert pid not in inside
                inside.add(pid)
                db.execute(sa.text("select pg_sleep(0.01)"))
                inside.remove(pid)
                return pid
        print(len(set(together(use, 12))) <= 3, engine.pool.checkedout())

        # connections that the server has ended are replaced
        with engine.connect() as db:
            db.execute(sa.text("select pg_terminate_backend(pid) from pg_stat_activity"
                               " where pid <> pg_backend_pid() and usename = 'guv'"))
        print(together(use, 3).count(None), engine.pool.checkedout())

        # a killed greenlet gives its connection back
        def hold():
            with engine.connect() as db:
                db.execute(sa.text("select pg_sleep(1000)"))
        holders = [guv.spawn(hold) for _ in range(3)]
        while engine.pool.checkedout() < 3:
            guv.sleep(0.01)
        late = sa.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(sys.argv[1]),
                                pool_size=1, max_overflow=0, pool_timeout=0.05)
        kept = late.connect()
        try:
            late.connect()
        except sa.exc.TimeoutError as error:
            print(error.code)
        for holder in holders:
            holder.kill()
        while engine.pool.checkedout():
            guv.sleep(0.01)
        print(engine.pool.checkedout(), together(use, 3).count(None))
        """,
        args=(postgres,),
    ) == "True 0\n0 0\n3o7r\n0 0\n"  # fmt: skip


def test_django_connections_belong_to_greenlets(program: Program, postgres: str) -> None:
    assert program(
        "django", "psycopg2",
        """
        import asyncio
        from django.conf import settings
        where = dict(part.split("=") for part in sys.argv[1].split())
        settings.configure(DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": where["dbname"], "USER": where["user"],
            "HOST": where["host"], "PORT": where["port"], "CONN_MAX_AGE": None}}, INSTALLED_APPS=[], ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="__main__", SECRET_KEY="x")
        import django
        django.setup()
        from django.db import connection
        from django.http import HttpResponse
        from django.test import RequestFactory
        from django.core.handlers.wsgi import WSGIHandler
        from django.urls import path
        def pid():
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid(), pg_sleep(0.01)")
                return cursor.fetchone()[0]
        def use(i):
            mine = pid()
            assert all(pid() == mine for _ in range(3))  # persistent
            connection.close()
            return mine
        print(len(set(together(use, 5))))

        async def view(request):
            await asyncio.sleep(0.01)
            return HttpResponse(request.GET["n"])
        urlpatterns = [path("", view)]
        serve = WSGIHandler()
        def get(i):
            environ = RequestFactory().get("/", {"n": i}).environ
            return b"".join(serve(environ, lambda *a: None))
        print(together(get, 3))
        """,
        args=(postgres,),
    ) == "5\n[b'0', b'1', b'2']\n"  # fmt: skip
