"""Libraries whose peer runs in the same process, as greenlets: one that blocked would wait for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Program = Callable[..., str]

HTTP = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.path.encode() * 1000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{web.server_port}"
"""


def test_pycurl_easy_and_multi_yield(program: Program) -> None:
    assert (
        program(
            "pycurl",
            HTTP
            + """
import pycurl, select
def get(i):
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{url}/{i}")
    first, second = curl.perform_rb(), curl.perform_rb()    # on one connection
    assert first == second == f"/{i}".encode() * 1000
    return curl.getinfo(pycurl.RESPONSE_CODE)
print(together(get, 5))
refused = pycurl.Curl()
refused.setopt(pycurl.URL, "http://127.0.0.1:1/")
try:
    refused.perform()
except pycurl.error as error:
    print(error.args[0] == pycurl.E_COULDNT_CONNECT)
multi, easy = pycurl.CurlMulti(), pycurl.Curl()
parts = []
easy.setopt(pycurl.URL, url + "/m")
easy.setopt(pycurl.WRITEFUNCTION, parts.append)
multi.add_handle(easy)
while multi.perform()[1]:
    multi.select(1.0)
print(len(b"".join(parts)))
""",
        )
        == "[200, 200, 200, 200, 200]\nTrue\n2000\n"
    )


def test_curl_cffi_transfers_streams_and_refusals_yield(program: Program) -> None:
    assert (
        program(
            "curl_cffi",
            HTTP
            + """
from curl_cffi import Curl, CurlOpt, requests
with requests.Session() as session:
    print(together(lambda i: session.get(f"{url}/{i}").content == f"/{i}".encode() * 1000, 5))
    print(session.get(url + "/kept").status_code, session.get(url + "/kept").status_code)
    with session.stream("GET", url + "/streamed") as reply:
        print(len(b"".join(reply.iter_content())))
    try:
        session.get("http://127.0.0.1:1/")
    except requests.exceptions.ConnectionError as error:
        print(error.code)
    silent = __import__("socket").create_server(("127.0.0.1", 0))
    never = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    with guv.Timeout(0.05, False):
        session.get(never)
    try:
        session.get(never, timeout=0.05)
    except requests.exceptions.Timeout as error:
        print(error.code)
    print(session.get(url + "/after").status_code)
connected = Curl()
connected.setopt(CurlOpt.URL, url)
connected.setopt(CurlOpt.CONNECT_ONLY, 1)
connected.perform()
connected.reset()
connected.close()
""",
        )
        == "[True, True, True, True, True]\n200 200\n9000\n7\n28\n200\n"
    )


def test_confluent_kafka_consumers_and_producers_yield(program: Program) -> None:
    assert (
        program(
            "confluent_kafka",
            """
        import confluent_kafka
        cluster = confluent_kafka.Producer({"test.mock.num.brokers": 1})      # librdkafka's own stand-in
        broker = next(iter(cluster.list_topics(timeout=20).brokers.values()))
        settings = {"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "g", "auto.offset.reset": "earliest"}
        delivered = []
        producer = confluent_kafka.SerializingProducer({"bootstrap.servers": settings["bootstrap.servers"]})
        producer.produce("topic", value=b"0", on_delivery=lambda error, message: delivered.append(error))
        print(producer.flush(20), delivered)
        consumer = confluent_kafka.Consumer(settings)
        consumer.subscribe(["topic"])
        print(consumer.poll(20).value())

        def produce(value):
            producer.produce("topic", value=value)
            producer.flush(20)
        after_a_turn(produce, b"1")
        print(consumer.poll(20).value())
        with guv.Timeout(0.05, False):
            consumer.poll()
        produce(b"2")                               # the native thread may have it already
        print(consumer.poll(20).value(), consumer.poll(0))
        produce(b"3")
        produce(b"4")
        print([message.value() for message in consumer.consume(2, 20)], consumer.consume(1, 0))
        print(together(lambda i: consumer.poll(0.1), 3))
        consumer.commit(asynchronous=False)
        consumer.close()
        derived = confluent_kafka.DeserializingConsumer(settings)
        print(isinstance(derived, confluent_kafka.Consumer), derived.poll(0.1))
        derived.close()
        """,
        )
        == "0 [None]\nb'0'\nb'1'\nb'2' None\n[b'3', b'4'] []\n[None, None, None]\nTrue None\n"
    )


def test_zmq_sockets_and_poller_yield(program: Program) -> None:
    assert (
        program(
            "zmq",
            """
        import zmq
        context = zmq.Context()
        server = context.socket(zmq.ROUTER)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        def serve():
            while True:
                who, empty, body = server.recv_multipart()
                server.send_multipart([who, b"", body * 2])
        threading.Thread(target=serve, daemon=True).start()
        def ask(i):
            with context.socket(zmq.REQ) as client:
                client.connect(f"tcp://127.0.0.1:{port}")
                client.send(b"%d" % i)
                return client.recv()
        print(together(ask, 4))
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://pair")
        b.connect("inproc://pair")
        poller = zmq.Poller()
        poller.register(b, zmq.POLLIN)
        after_a_turn(a.send, b"late")
        print(len(poller.poll()), b.recv())
        b.setsockopt(zmq.RCVTIMEO, 10)
        try:
            b.recv()
        except zmq.Again:
            print("again")
        a.close(0), b.close(0), server.close(0)
        """,
        )
        == "[b'00', b'11', b'22', b'33']\n1 b'late'\nagain\n"
    )


def test_zmq_proxies_and_devices_end_with_their_context(program: Program) -> None:
    assert (
        program(
            "zmq",
            """
        import time, zmq
        context = zmq.Context()
        def echo(device):
            with context.socket(zmq.ROUTER) as sock:
                ports.append(sock.bind_to_random_port("tcp://127.0.0.1"))
                try:
                    device(sock)
                except zmq.ContextTerminated:
                    ports.append("terminated")
        ports = []
        devices = [lambda sock: zmq.proxy(sock, sock), lambda sock: zmq.device(zmq.QUEUE, sock, sock)]
        threads = [threading.Thread(target=echo, args=(device,)) for device in devices]
        for thread in threads:
            thread.start()
        while len(ports) < 2:
            time.sleep(0)
        for port in ports:
            with context.socket(zmq.REQ) as client:
                client.connect(f"tcp://127.0.0.1:{port}")
                client.send(b"back")
                print(client.recv())
        context.term()          # waits for the two sockets, which their threads close
        for thread in threads:
            thread.join()
        print(ports[2:])
        """,
        )
        == "b'back'\nb'back'\n['terminated', 'terminated']\n"
    )


def test_grpc_server_and_client_in_one_process_yield(program: Program) -> None:
    assert (
        program(
            "grpc",
            """
        import grpc
        from concurrent.futures import ThreadPoolExecutor
        gate = threading.Event()
        def wait(request, context):
            gate.wait()
            return request
        def count(requests, context):
            for request in requests:
                yield request * 2
        server = grpc.server(ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("guv.Test", {
            "Wait": grpc.unary_unary_rpc_method_handler(wait),
            "Count": grpc.stream_stream_rpc_method_handler(count)}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/guv.Test/Wait")
            try:
                call(b"x", timeout=0.05)
            except grpc.RpcError as error:
                print(error.code())
            after_a_turn(gate.set)
            print(call(b"waited", timeout=30))
            print(list(channel.stream_stream("/guv.Test/Count")(iter([b"a", b"b"]), timeout=30)))
        import asyncio
        async def ask():
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                call = channel.stream_stream("/guv.Test/Count")
                return [reply async for reply in call(iter([b"c", b"d"]), timeout=30)]
        print(asyncio.run(ask()), together(lambda i: asyncio.run(ask()), 2))
        server.stop(0).wait()
        """,
        )
        == "StatusCode.DEADLINE_EXCEEDED\nb'waited'\n[b'aa', b'bb']\n[b'cc', b'dd'] [[b'cc', b'dd'], [b'cc', b'dd']]\n"
    )


def test_uvloop_loops_of_several_greenlets_run_side_by_side(program: Program) -> None:
    assert (
        program(
            "uvloop",
            """
        import asyncio, signal, os, uvloop
        barrier = threading.Barrier(3)
        async def meet(i):
            await asyncio.to_thread(barrier.wait)       # all three loops run at this time
            await asyncio.sleep(0.01)
            return i
        print(together(lambda i: uvloop.run(meet(i)), 3))

        async def bridge():
            loop, woken = asyncio.get_running_loop(), asyncio.Event()
            after_a_turn(loop.call_soon_threadsafe, woken.set)
            await woken.wait()
            return "woken"
        print(uvloop.run(bridge()))

        async def interrupted():
            after_a_turn(os.kill, os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        try:
            uvloop.run(interrupted())
        except KeyboardInterrupt:
            print("interrupted")
        killed = guv.spawn(lambda: uvloop.run(asyncio.sleep(60)))
        guv.sleep(0.01)
        killed.kill()
        with guv.Timeout(0.01, False):
            uvloop.run(asyncio.sleep(60))
        print("ended")
        """,
        )
        == "[0, 1, 2]\nwoken\ninterrupted\nended\n"
    )


EARLY = "import uvloop\n"
PATCH = "import guv; guv.monkey_patch()\n"
OVERLAPPING = """
import asyncio, os, signal, threading
import uvloop
from guv.hubs.signals import plumbing

async def until(gate, then=None):
    await asyncio.to_thread(gate.wait)
    if then is not None:
        then.set()
begun, ended = threading.Event(), threading.Event()
outer = guv.spawn(lambda: uvloop.run(until(begun)))         # begins first and ends first
inner = guv.spawn(lambda: uvloop.run(until(ended, begun)))
guv.sleep(0)
async def ends_last():
    begun.set()
    await asyncio.to_thread(outer.wait)                      # its loop is closed, this one goes on
    threading.Timer(0, os.kill, (os.getpid(), signal.SIGINT)).start()
    await asyncio.sleep(60)
try:
    uvloop.run(ends_last())
except KeyboardInterrupt:
    print("interrupted")
ended.set()
inner.wait()
assert signal.set_wakeup_fd(-1) == -1                       # the program has none, and guv's pipe is where it was
assert plumbing().retake() == -1
"""


@pytest.mark.parametrize("imports", [EARLY + PATCH, PATCH], ids=["uvloop before the patch", "after"])
def test_uvloop_loops_end_in_any_order(script: Program, imports: str) -> None:
    pytest.importorskip("uvloop")
    assert script(imports + OVERLAPPING) == "interrupted\n"


CASSANDRA = """
import socketserver, struct, warnings
warnings.simplefilter("ignore")

LOCAL = [b"key", b"cluster_name", b"data_center", b"rack", b"release_version"]
def text(value):
    return struct.pack("!H", len(value)) + value

class Node(socketserver.BaseRequestHandler):        # as much of the protocol, version 4, as a query takes
    def handle(self):
        stream = self.request.makefile("rb")
        while head := stream.read(9):
            version, flags, number, opcode, length = struct.unpack("!BBhBI", head)
            body = stream.read(length)
            if opcode == 5:                             # OPTIONS
                self.reply(number, 6, struct.pack("!H", 2) + text(b"CQL_VERSION") + struct.pack("!H", 1) + text(b"3.4.4") + text(b"COMPRESSION") + struct.pack("!H", 0))
            elif opcode in (1, 11):                     # STARTUP, REGISTER
                self.reply(number, 2, b"")
            elif b"answer" in body:                     # QUERY
                threading.Thread(target=self.answer, args=(number,)).start()
            elif b"system.local" in body:
                self.rows(number, {name: (13, name) for name in LOCAL} | {b"partitioner": (13, b"x.Murmur3Partitioner")})
            else:
                self.rows(number, {b"peer": (13, b"")}, 0)
    def answer(self, number):
        barrier.wait()
        self.rows(number, {b"answer": (9, struct.pack("!i", 42))})
    def rows(self, number, columns, count=1):
        head = struct.pack("!iii", 2, 1, len(columns)) + text(b"ks") + text(b"t")
        for name, (kind, _) in columns.items():
            head += text(name) + struct.pack("!H", kind)
        values = [struct.pack("!i", len(value)) + value for _, value in columns.values()]
        self.reply(number, 8, head + struct.pack("!i", count) + b"".join(values * count))
    def reply(self, number, opcode, body):
        self.request.sendall(struct.pack("!BBhBI", 0x84, 0, number, opcode, len(body)) + body)

class Cluster(socketserver.ThreadingTCPServer):
    daemon_threads = True
node = Cluster(("127.0.0.1", 0), Node)
threading.Thread(target=node.serve_forever, daemon=True).start()
"""


def test_cassandra_queries_of_many_greenlets_wait_together(program: Program) -> None:
    """Against a stand-in for the server, which answers once three queries wait."""
    assert (
        program(
            "cassandra",
            CASSANDRA
            + """
barrier = threading.Barrier(3)
import cassandra.cluster
cluster = cassandra.cluster.Cluster(["127.0.0.1"], port=node.server_address[1], protocol_version=4,
                                    schema_metadata_enabled=False, token_metadata_enabled=False)
print(cluster.connection_class.__module__)
session = cluster.connect()
print(together(lambda i: session.execute("select answer")[0].answer, 3))
try:
    session.execute("select answer", timeout=0.05)      # nobody else asks
except cassandra.OperationTimedOut as error:
    print("timed out")
barrier.abort()
cluster.shutdown()
""",
        )
        == "guv.support.cassandra\n[42, 42, 42]\ntimed out\n"
    )


def test_pymongo_finds_wait_together(program: Program) -> None:
    """Against a stand-in for the server, which answers once three queries wait."""
    assert (
        program(
            "pymongo",
            """
        import socketserver, struct, bson, pymongo
        barrier = threading.Barrier(3)
        class Mongo(socketserver.StreamRequestHandler):
            def handle(self):
                while head := self.rfile.read(16):
                    length, number, _, opcode = struct.unpack("<iiii", head)
                    body = self.rfile.read(length - 16)
                    if opcode == 2013:
                        query = bson.decode(body[5:])
                    else:
                        query = bson.decode(body[body.index(b"\\0", 4) + 9:])
                    answer = {"ok": 1.0, "isWritablePrimary": True, "helloOk": True, "maxWireVersion": 21, "minWireVersion": 0,
                              "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}
                    if "find" in query:
                        barrier.wait()
                        answer = {"ok": 1.0, "cursor": {"id": 0, "ns": "db.c", "firstBatch": [{"_id": query["filter"]["_id"]}]}}
                    data = bson.encode(answer)
                    if opcode == 2013:
                        self.wfile.write(struct.pack("<iiiiIB", 21 + len(data), 1, number, 2013, 0, 0) + data)
                    else:
                        self.wfile.write(struct.pack("<iiiiiqii", 36 + len(data), 1, number, 1, 8, 0, 0, 1) + data)
        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
        server = Server(("127.0.0.1", 0), Mongo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = pymongo.MongoClient("127.0.0.1", server.server_address[1], directConnection=True)
        print(together(lambda i: client.db.c.find_one({"_id": i})["_id"], 3))
        client.close()
        """,
        )
        == "[0, 1, 2]\n"
    )


def test_paramiko_client_and_server_in_one_process(program: Program) -> None:
    assert (
        program(
            "paramiko",
            """
        import warnings
        warnings.simplefilter("ignore")
        import socket, paramiko
        key = paramiko.ECDSAKey.generate()
        class Server(paramiko.ServerInterface):
            def check_auth_password(self, user, password):
                return paramiko.AUTH_SUCCESSFUL
            def check_channel_request(self, kind, number):
                return paramiko.OPEN_SUCCEEDED
            def check_channel_exec_request(self, channel, command):
                def answer():
                    channel.sendall(command.upper())
                    channel.send_exit_status(3)
                    channel.close()
                after_a_turn(answer)
                return True
        listener = socket.create_server(("127.0.0.1", 0))
        def serve():
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transport.add_server_key(key)
                transport.start_server(server=Server())
        threading.Thread(target=serve, daemon=True).start()
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", listener.getsockname()[1], "guv", password="x", allow_agent=False, look_for_keys=False)
        def command(i):
            _, out, _ = client.exec_command(f"command {i}")
            return out.read(), out.channel.recv_exit_status()
        print(together(command, 3))
        client.close()
        """,
        )
        == "[(b'COMMAND 0', 3), (b'COMMAND 1', 3), (b'COMMAND 2', 3)]\n"
    )


def test_blocking_functions_of_a_module_run_in_native_threads(program: Program) -> None:
    assert (
        program(
            """
        import types
        from guv import support, _originals
        bell = _originals.allocate_lock()
        bell.acquire()
        library = types.ModuleType("library")
        library.wait = lambda: bell.acquire(True, 30)      # blocks its thread
        support.blocking(library, ["wait"])
        support.blocking(library, ["wait"])                # once is enough
        after_a_turn(bell.release)
        print(library.wait())
        """,
        )
        == "True\n"
    )


def test_watchfiles_sees_what_another_greenlet_writes(program: Program) -> None:
    assert (
        program(
            "watchfiles",
            """
        import asyncio, pathlib, watchfiles
        folder = pathlib.Path("watched")
        folder.mkdir()
        def names(changes):
            return sorted({pathlib.Path(path).name for _, path in changes})
        def write_until_seen(name):
            while not seen.wait(0.1):       # the watch may begin after the first
                (folder / name).write_text("x")
        def watch(name, changes):
            seen.clear()
            writer = threading.Thread(target=write_until_seen, args=(name,))
            writer.start()
            print(names(changes()))
            seen.set()
            writer.join()
        seen = threading.Event()
        watch("a", lambda: next(watchfiles.watch(folder)))
        async def first():
            async for changes in watchfiles.awatch(folder):
                return changes
        watch("b", lambda: asyncio.run(first()))
        watching = guv.spawn(lambda: list(watchfiles.watch(folder)))
        guv.sleep(0.1)
        watching.kill()                     # ends, though its watch would go on
        try:
            watching.wait()
        except BaseException as error:
            print(type(error).__name__)
        """,
        )
        == "['a']\n['b']\nGreenletExit\n"
    )


def test_pika_consumes_what_another_greenlet_publishes(program: Program, rabbitmq_port: int) -> None:
    assert (
        program(
            "pika",
            """
        import pika
        parameters = pika.ConnectionParameters("127.0.0.1", int(sys.argv[1]))
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        queue = channel.queue_declare("", auto_delete=True).method.queue
        def publish(text):
            with pika.BlockingConnection(parameters) as other:
                other.channel().basic_publish("", queue, text)
        def on_message(channel, method, properties, body):
            print(body.decode())
            channel.stop_consuming()
        channel.basic_consume(queue, on_message, auto_ack=True)
        after_a_turn(publish, b"late")
        channel.start_consuming()
        connections = together(lambda _: pika.BlockingConnection(parameters), 5)
        waiting = [guv.spawn(each.process_data_events, time_limit=60) for each in connections]
        guv.sleep(0.05)
        for thread in waiting:
            thread.kill()
        print(len(guv.joinall(waiting, timeout=20)))
        """,
            args=(rabbitmq_port,),
        )
        == "late\n5\n"
    )


def test_pyfakefs_leaves_the_event_loop_its_files(program: Program) -> None:
    assert (
        program(
            "pyfakefs",
            """
        import os, time
        from pyfakefs.fake_filesystem_unittest import Patcher
        def read():
            time.sleep(0.01)
            return open("/fake/file").read(), os.path.exists("/etc/passwd")
        with Patcher() as patcher:
            patcher.fs.create_file("/fake/file", contents="content")
            print(together(lambda i: read(), 2))
        print(os.path.exists("/fake/file"), os.path.exists("/etc/passwd"))
        """,
        )
        == "[('content', False), ('content', False)]\nFalse True\n"
    )
