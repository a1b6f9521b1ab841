"""`threading.Lock` kept as a class attribute, as werkzeug does it."""

from guv.green.threading import Lock


def test_lock_maker_as_class_attribute_takes_no_instance():
    class Holder:
        lock_class = Lock

    with Holder().lock_class() as entered:
        assert entered
