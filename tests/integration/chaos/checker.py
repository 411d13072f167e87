"""Checks a history against the promise: every call ends once, in time, with what it must give or an error that is true.

The law is docs/PROTOCOL.md and the delivery table of docs/OPERATIONS.md. Lines may come in any order between processes.
Calls are judged when their end is long past (settle) or when the run is over (finish), and then forgotten, so that a run may
last for hours. By hand, for the journals of a run:

    /usr/bin/python3 tests/integration/chaos/checker.py DIRECTORY
"""

import collections
import dataclasses
import sys

from history import Journals

MS = 1000
ITEM = MS // 2  # an item of a stream, of thousands whose programs share a processor with many others
SECOND = 1000 * MS

GRACE = 250 * MS  # what the client gives the broker's answer beyond the deadline
CLOCK = 5 * MS  # between a line of the journal and what it speaks of
# The longest call and the longest stop, and then some: nothing is said of a call after this.
SETTLED = 30 * SECOND

# What an error may say: its code, who says it, whether it ran.
EXPECTED = {
    "UNAVAILABLE": ({"broker", "client", "worker"}, {"no", "maybe"}),
    "DEADLINE_EXCEEDED": ({"broker", "client", "worker"}, {"no", "maybe"}),
    "RESOURCE_EXHAUSTED": ({"broker"}, {"no", "maybe"}),
    "NOT_FOUND": ({"broker"}, {"no", "maybe"}),
    "CANCELLED": ({"client"}, {"no", "maybe"}),
    "INTERNAL": ({"handler"}, {"unsaid"}),
}


@dataclasses.dataclass
class Limits:
    """What is allowed for, in microseconds."""

    slack: int = 1 * SECOND  # of a loaded machine, beyond the client's grace
    turn: int = 100 * MS  # a loop reads the clock once a turn, so a deadline may come that much early
    recovery: int = 2 * SECOND  # after the last fault was healed everything goes through again
    leisure: int = 500 * MS  # a call with less time than this beyond its own work may run out of it at any time
    allowed: frozenset = frozenset(EXPECTED)  # codes that a fault explains
    # A fault explains the end of what was under way for so long after it began. None: until it was healed, and `recovery`.
    explains: int | None = None
    caller_s_word_counts: bool = False  # what the caller calls idempotent never fails


@dataclasses.dataclass
class Fault:
    begin: int
    kind: str
    role: str
    process: str
    healed: int | None = None

    def touches(self, begin, end, before=0, after=0):
        return self.begin - before <= end and (self.healed is None or self.healed + after >= begin)


class Execution:
    __slots__ = ("worker", "begin", "end", "how")

    def __init__(self, worker, begin):
        self.worker, self.begin, self.end, self.how = worker, begin, None, "cut off"


class Call:
    __slots__ = ("id", "client", "start", "method", "word", "timeout", "attempts", "work", "cancelled", "end", "code",
                 "by", "ran", "items", "text", "executions", "lines", "seen")

    def __init__(self, call):
        self.id, self.client = call, call.rpartition(":")[0]
        self.start = self.end = self.code = None
        self.cancelled = False
        self.executions, self.lines = [], []
        self.seen = 0  # the latest time that a line of it has

    @property
    def deadline(self):
        return self.start + self.timeout

    @property
    def one_way(self):
        return self.method == "Tell"

    @property
    def stream(self):
        return self.method == "Count"

    def wanted(self):
        """The result that it must have."""
        return {"Tell": "told", "Count": str(self.work)}.get(self.method, self.id)

    def planned_to_fail(self, leisure):
        work = ITEM if self.method == "Count" else MS if self.method.startswith("Nap") else 0
        return self.cancelled or self.method == "Fail" or self.timeout < self.work * work + leisure


class Checker:
    """take() each line of each journal; then `complaints` must be empty: (rule, what is wrong, lines of the call)."""

    def __init__(self, limits=None):
        self.limits = limits or Limits()
        self.complaints = []
        self.calls = {}
        self.faults = {}
        self.halts = []  # of the machine: begin, end
        self.count = collections.Counter()  # calls that were judged, by code; "executions"; "explained"
        self.ended = set()  # clients that ended in order
        self.killed = {}  # processes, and when
        self._settled_to = 0

    # What the lines say.

    def take(self, process, line):
        kind, time, rest = line.split(" ", 2)
        getattr(self, f"_take_{kind}")(process, int(time), rest, line)

    def _note(self, process, time, call, line):
        noted = self.calls.get(call)
        if noted is None:
            noted = self.calls[call] = Call(call)
        noted.lines.append(f"{process}: {line}")
        noted.seen = max(noted.seen, time)
        return noted

    def _take_S(self, process, time, rest, line):
        call, method, word, timeout, attempts, work = rest.split(" ")
        noted = self._note(process, time, call, line)
        noted.start, noted.method, noted.word = time, method, word
        noted.timeout, noted.attempts, noted.work = int(timeout) * MS, int(attempts), int(work)

    def _take_C(self, process, time, rest, line):
        self._note(process, time, rest, line).cancelled = True

    def _take_D(self, process, time, rest, line):
        call, code, by, ran, items, text = rest.split(" ", 5)
        noted = self._note(process, time, call, line)
        if noted.end is not None:
            self._complain("one outcome", "it ended twice", noted)
        noted.end, noted.code, noted.by, noted.ran, noted.items, noted.text = time, code, by, ran, items, text

    def _take_Q(self, process, time, rest, line):
        self.ended.add(rest)

    def _take_B(self, process, time, rest, line):
        call, _ = rest.split(" ")
        self._note(process, time, call, line).executions.append(Execution(process, time))

    def _take_E(self, process, time, rest, line):
        call, how = rest.split(" ")
        noted = self._note(process, time, call, line)
        for execution in noted.executions:
            if execution.worker == process and execution.end is None:
                execution.end, execution.how = time, how
                return
        self._complain("executions", "one ended that had not begun", noted)

    def _take_F(self, process, time, rest, line):
        number, kind, role, name = rest.split(" ")
        self.faults[int(number)] = Fault(time, kind, role, name)
        self.count[f"faults: {kind} {role}"] += 1
        if kind == "kill":
            self.killed[name] = time

    def _take_H(self, process, time, rest, line):
        self.faults[int(rest)].healed = time

    def _take_Z(self, process, time, rest, line):
        self.halts.append((time, int(rest)))
        self.count["halts of the machine"] += 1
        self.count["ms of halts"] += (int(rest) - time) // MS

    # When they are judged.

    def settle(self, now):
        """Judges and forgets what can have no more lines."""
        for call in list(self.calls.values()):
            if self._is_over(call, now):
                self._judge_and_forget(call)
        self._forget_faults(now - 2 * SETTLED)

    def _is_over(self, call, now):
        if call.start is None or call.end is not None:
            return call.seen < now - SETTLED
        return call.deadline < now - SETTLED

    def finish(self, clients=()):
        """The run is over: judges the rest. `clients` are those that must have ended in order."""
        for client in clients:
            if client not in self.ended:
                self.complaints.append(("one outcome", f"client {client} did not end in order", []))
        for call in list(self.calls.values()):
            self._judge_and_forget(call)

    def under_way(self, time):
        """The calls that had begun and not ended at that time."""
        return [call for call in self.calls.values()
                if call.start is not None and call.start < time and (call.end is None or call.end > time)]


    def _judge_and_forget(self, call):
        del self.calls[call.id]
        if call.start is None:
            self._complain("executions", "of a call that nobody made, or that ended long before", call)
            return
        self._judge(call)

    def _forget_faults(self, before):
        for number, fault in list(self.faults.items()):
            if fault.healed is not None and fault.healed < before:
                del self.faults[number]
        self.halts = [halt for halt in self.halts if halt[1] >= before]

    def _complain(self, rule, what, call):
        self.complaints.append((rule, f"call {call.id}: {what}", list(call.lines)))

    # The rules.

    def _judge(self, call):
        self.count["calls"] += 1
        self.count["executions"] += len(call.executions)
        self.count[call.code or "cut off with its client"] += 1
        rules = [self._how_often]
        if call.code is None:
            rules.append(self._no_outcome)
        else:
            rules += [self._in_time, self._not_expired, self._result if call.code == "OK" else self._error]
        for rule in rules:
            broken = rule(call)
            if broken:
                self._complain(rule.__name__.strip("_").replace("_", " "), broken, call)

    def _no_outcome(self, call):
        return None if call.client in self.killed else "it never ended"

    def _in_time(self, call):
        late = call.end - call.deadline - GRACE - self.limits.slack
        late -= self._stopped(call.start, call.end, lambda fault: fault.process == call.client)
        late -= self._halted(call.start, call.end)
        if late > 0:
            return f"it ended {(late + self.limits.slack) / SECOND:.3f} s after its deadline and the client's grace"
        if call.code == "DEADLINE_EXCEEDED" and call.end < call.deadline - self.limits.turn:
            return f"its deadline was {(call.deadline - call.end) / SECOND:.3f} s away"
        return None

    def _how_often(self, call):
        times = len(call.executions)
        most = self._most_executions(call)
        return f"it was run {times} times, and may be {most}" if times > most else None

    def _most_executions(self, call):
        """Once for each time that it was given to a broker, and once more there if a worker was lost."""
        if call.word == "no":
            return 1
        last = max([call.end or call.start, *(execution.begin for execution in call.executions)])
        near = [fault for fault in self.faults.values() if fault.touches(call.start, last, after=3 * SECOND)]
        lost = any(fault.role == "worker" for fault in near)
        broken = sum(fault.role == "broker" or fault.process == call.client for fault in near)
        broken += sum(begin <= last and end + 3 * SECOND >= call.start for begin, end in self.halts)
        given = call.attempts * (1 + (broken if call.word == "caller" else 0))
        return given * (1 + (lost or broken > 0))

    def _not_expired(self, call):
        for execution in call.executions:
            late = execution.begin - call.deadline - self.limits.slack
            late -= self._stopped(call.start, execution.begin, lambda fault: True)
            late -= self._halted(call.start, execution.begin)
            if late > 0:
                return f"{execution.worker} began it {(late + self.limits.slack) / SECOND:.3f} s after its deadline"
        return None

    def _result(self, call):
        if call.method == "Fail":
            return "it has a result, and must fail"
        cut_short = self._may_be_cut_short(call)
        wanted = call.items if call.stream and cut_short else call.wanted()
        if call.text != wanted:
            return f"its result is {call.text!r}, not {wanted!r}"
        if call.stream and call.items != call.text:
            return f"of {call.text} items there were {call.items}"
        hows = {"done", "stopped"} if cut_short else {"done"}
        if not call.one_way and not any(e.how in hows and e.end <= call.end + CLOCK for e in call.executions):
            return "it has a result, and nobody ran it to its end"
        return None

    def _may_be_cut_short(self, call):
        """Its handler may have been stopped, and what it returned then may still have come in time."""
        return call.cancelled or call.end >= call.deadline - self.limits.turn

    def _error(self, call):
        if call.ran == "no" and call.executions:
            return "it was run, and its error says that it was not"
        if call.stream and (call.items == "disorder" or int(call.items) > call.work):
            return "items out of order, or more than there are"
        return self._odd_error(call) or self._unexplained(call)

    def _odd_error(self, call):
        by, ran = EXPECTED.get(call.code, (set(), set()))
        if call.by not in by or call.ran not in ran:
            return f"nothing gives {call.code} by {call.by} with ran: {call.ran}"
        if call.code == "CANCELLED" and not call.cancelled:
            return "nobody cancelled it"
        if call.code == "INTERNAL" and (call.method != "Fail" or call.text != call.id or
                                        not any(execution.how == "threw" for execution in call.executions)):
            return "its handler did not throw this"
        return None

    def _unexplained(self, call):
        if call.planned_to_fail(self.limits.leisure):
            return None
        excused = not (self.limits.caller_s_word_counts and call.word == "caller")
        if excused and call.code in self.limits.allowed and self._near_fault(call):
            self.count["explained"] += 1
            return None
        return f"{call.code}, and no fault explains it"

    def _near_fault(self, call):
        """Callers hear soon of what befell their calls: at their end the fault must be there, or just healed. One that may
        be tried again does not end when it is refused, but rests for as long as the broker asks, up to all its time."""
        if self.limits.explains is not None:
            return any(call.start <= fault.begin + self.limits.explains and fault.begin <= call.end
                       for fault in self.faults.values())
        if self._halted(call.start, call.end):
            return True
        hit = call.start if call.attempts > 1 else call.end
        return any(fault.touches(hit, call.end, after=self.limits.recovery) for fault in self.faults.values())

    def _halted(self, begin, end):
        return sum(max(0, min(end, until) - max(begin, since)) for since, until in self.halts)

    def _stopped(self, begin, end, whose):
        """For how long processes were stopped meanwhile, one after the other."""
        total = 0
        for fault in self.faults.values():
            if fault.kind == "stop" and whose(fault) and fault.touches(begin, end):
                total += min(end, fault.healed or end) - max(begin, fault.begin)
        return total


def report(checker, out=sys.stdout, most=10):
    """Prints the complaints, with the histories of their calls."""
    for rule, what, lines in checker.complaints[:most]:
        print(f"BROKEN: {rule}: {what}", *(f"    {line}" for line in lines), sep="\n", file=out)
    print(f"{len(checker.complaints)} complaints;", ", ".join(f"{n} {what}" for what, n in sorted(checker.count.items())),
          file=out)


def main(directory):
    checker = Checker()
    journals = Journals(directory)
    journals.add_all()
    journals.feed(checker)
    journals.close()
    checker.finish()
    report(checker)
    return 1 if checker.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
