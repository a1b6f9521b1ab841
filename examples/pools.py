"""Bounded work: a pool of greenthreads that shares a pool of connections.

python examples/pools.py
"""

from itertools import count

import guv
from guv.pools import Pool


class Connection:
    """Stands for something that is costly to make."""

    numbers = count(1)

    def __init__(self):
        self.number = next(self.numbers)

    def query(self, item):
        guv.sleep(0.001)
        return item * 10


connections = Pool(max_size=3, create=Connection)


def look_up(item):
    with connections.item() as connection:  # waits its turn if all three are lent
        return connection.query(item)


if __name__ == "__main__":
    pool = guv.GreenPool(10)
    print("in order:", list(pool.imap(look_up, range(5))))
    print("as they come:", sorted(pool.imap_unordered(look_up, range(5))))

    pile = guv.GreenPile(pool)
    for item in range(3):
        pile.spawn(look_up, item)
    print("a pile:", list(pile))

    with guv.Timeout(10):
        pool.waitall()
    print("connections made:", connections.current_size)
