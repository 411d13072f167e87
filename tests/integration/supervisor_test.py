"""rpc-worker --processes N: one supervisor that keeps N worker processes alive and takes them along when it goes."""

import os
import pathlib
import resource
import signal

from rpckit import RpcTest, in_flight, main, wait_until


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Supervisor(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.supervisor = self.program("rpc-worker", "--broker", self.at.backend, "--processes", "3")
        self.supervisor.ready()
        self.peer_of_test = self.client(self.at)
        self.wait_for_workers(3)

    def wait_for_workers(self, count):
        wait_until(lambda: len(self.peer_of_test.result("rpc.workers")) == count, f"{count} workers are there")

    def test_its_workers_are_processes_of_their_own(self):
        processes = {self.peer_of_test.result("EchoUtil.Whoami")["pid"] for _ in range(30)}
        self.assertEqual(processes, set(children(self.supervisor.pid)))
        self.assertEqual(len(processes), 3)

    def test_a_killed_one_is_started_again(self):
        before = children(self.supervisor.pid)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(set(children(self.supervisor.pid)) - {before[0]}) == 3, "it is started again")
        self.wait_for_workers(3)
        self.assertEqual(self.peer_of_test.result("EchoUtil.CountString", "this is test"), 3)

    def test_one_that_cannot_be_started_is_tried_again(self):
        # Not the first one that is told of: to look at an object for the first time, a sanitizer opens a pipe.
        before = children(self.supervisor.pid)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(set(children(self.supervisor.pid)) - {before[0]}) == 3, "it is started again")
        self.wait_for_workers(3)
        before = children(self.supervisor.pid)
        _, most = resource.prlimit(self.supervisor.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.supervisor.pid, resource.RLIMIT_NOFILE, (4, most))
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: "cannot be started, it is tried again" in self.supervisor.log, "it is said")
        self.assertIn("Too many open files", self.supervisor.log)
        self.wait_for_workers(2)
        resource.prlimit(self.supervisor.pid, resource.RLIMIT_NOFILE, (most, most))
        self.wait_for_workers(3)
        self.assertEqual(self.peer_of_test.result("EchoUtil.CountString", "this is test"), 3)

    def test_sigterm_ends_all(self):
        processes = children(self.supervisor.pid)
        self.assertEqual(self.supervisor.terminate(), 0)
        wait_until(lambda: not any(map(is_alive, processes)), "no child is left")

    def test_calls_in_flight_end_first(self):
        msgid = self.peer_of_test.request("EchoUtil.Sleep", 1000)
        wait_until(lambda: any(worker["in_flight"] for worker in self.peer_of_test.result("rpc.workers")), "it runs")
        self.supervisor.signal(signal.SIGTERM)
        self.assertEqual(self.peer_of_test.response(msgid), (None, 1000))
        self.assertEqual(self.supervisor.wait(), 0)

    def test_a_signal_to_the_whole_unit_is_one_to_each(self):
        """As systemd stops a service, or Ctrl-C does at a terminal: the supervisor's own word to its children is no second one."""
        calls = [self.peer_of_test.request("EchoUtil.Sleep", 700) for _ in range(3)]
        wait_until(lambda: in_flight(self.peer_of_test) == 3, "the calls run")
        for pid in [self.supervisor.pid, *children(self.supervisor.pid)]:
            os.kill(pid, signal.SIGTERM)
        for call in calls:
            self.assertEqual(self.peer_of_test.response(call), (None, 700))
        self.assertEqual(self.supervisor.wait(), 0)

    def test_its_children_do_not_outlive_it(self):
        processes = children(self.supervisor.pid)
        self.supervisor.kill()
        wait_until(lambda: not any(map(is_alive, processes)), "no child is left")


if __name__ == "__main__":
    main()
