"""pyodbc with the ODBC driver of SQLite, which waits for locks in C."""

from __future__ import annotations

import glob
from collections.abc import Callable

import pytest

Program = Callable[..., str]

DRIVER = next(iter(glob.glob("/usr/lib/*/odbc/libsqlite3odbc.so")), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(DRIVER is None, reason="the ODBC driver of SQLite is not installed")]

PRELUDE = """
import os, pyodbc

def connect():
    return pyodbc.connect(f"Driver={sys.argv[1]};Database=file.db;Timeout=30000")

mine, other = connect(), connect()
mine.execute("create table t (number int, name text)")
mine.commit()
"""

ENDLESS = "with recursive r(i) as (select 1 union all select i + 1 from r) select count(*) from r"


def test_pyodbc_waits_for_a_lock_of_another_greenlet(program: Program) -> None:
    code = """
    mine.execute("insert into t values (1, 'mine')")
    after_a_turn(mine.commit)
    print(other.execute("insert into t values (?, ?)", 2, "other").rowcount)
    other.commit()
    cursor = mine.cursor()
    print(cursor.execute("select * from t") is cursor, cursor.fetchone(), cursor.connection is mine, cursor.description[0][0])
    print([row.name for row in mine.execute("select * from t")], mine.cursor().execute("select count(*) from t").fetchval())
    with mine, mine.cursor() as cursor:
        cursor.executemany("insert into t values (?, ?)", [(i, "many") for i in range(100)])
    mine.close()
    print(len(other.execute("select * from t").fetchall()))
    """
    assert program("pyodbc", PRELUDE.replace("\n", "\n    ") + code, args=(DRIVER,)) == (
        "1\nTrue (1, 'mine') True number\n['mine', 'other'] 2\n102\n"
    )


def test_pyodbc_standins_pass_for_the_library_s_objects(program: Program) -> None:
    code = """
    print(guv.patcher.report().libraries["pyodbc"], isinstance(mine, pyodbc.Connection), isinstance(mine.cursor(), pyodbc.Cursor))
    mine.autocommit = True
    print(mine.autocommit, other.autocommit, "getinfo" in dir(mine), "Connection" in repr(mine))
    for wrong in (lambda: mine.execute("nonsense"), lambda: mine.nonsense, mine.cursor().fetchone):
        try:
            wrong()
        except (AttributeError, pyodbc.Error) as error:
            print(type(error).__name__)
    pid = os.fork()
    if not pid:
        print(connect().execute("select 1").fetchval(), mine.execute("select 2").fetchval(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    """
    assert program("pyodbc", PRELUDE.replace("\n", "\n    ") + code, args=(DRIVER,)) == (
        "active True True\nTrue False True True\nError\nAttributeError\nProgrammingError\n1 2\n"
    )


def test_pyodbc_statement_of_a_killed_greenlet_is_cancelled(program: Program) -> None:
    code = f"""
    cursor = mine.cursor()
    running = guv.spawn(cursor.execute, {ENDLESS!r})
    waiting = guv.spawn(mine.execute, "insert into t values (1, 'waits its turn')")
    guv.sleep(0.2)
    waiting.kill()
    running.kill()
    print(mine.execute("select count(*) from t").fetchval())
    try:
        with guv.Timeout(0.2):
            cursor.execute({ENDLESS!r})
    except guv.Timeout:
        print(mine.execute("select 2").fetchval())
    """
    assert program("pyodbc", PRELUDE.replace("\n", "\n    ") + code, args=(DRIVER,)) == "0\n2\n"
