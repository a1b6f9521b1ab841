"""The names under which the original guv had psycopg2's support."""

from .psycopg2 import patch as make_psycopg_green
from .psycopg2 import wait as psycopg2_wait_cb

__all__ = ["make_psycopg_green", "psycopg2_wait_cb"]
